"""Segments: runs of neighboring steps that have the same number."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def segment_numbers(ids: Tensor) -> Tensor:
    """Number the runs of equal ids in each clip, from 0: int64 [B, steps]."""
    changes = F.pad(ids[:, 1:] != ids[:, :-1], (1, 0))
    return changes.cumsum(dim=1)


def means(steps: Tensor, segments: Tensor) -> Tensor:
    """[B, S, size] -> the mean of each step's segment [B, S, size]."""
    count, length, size = steps.shape
    places = (torch.arange(count, device=steps.device)[:, None] * length + segments).flatten()
    totals = steps.new_zeros(count * length, size).index_add(0, places, steps.flatten(0, 1))
    lengths = steps.new_zeros(count * length).index_add(0, places, steps.new_ones(len(places)))
    return (totals[places] / lengths[places, None]).reshape(steps.shape)


def joined(steps: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Join neighboring steps with the same id, and take their mean.

    Args:
        steps: [B, S, size].
        ids: int64 [B, S].

    Returns:
        [B, S, size], the segments first and zeros behind them; and which are segments, bool [B, S].
    """
    member = F.one_hot(segment_numbers(ids), ids.shape[1]).to(steps.dtype)  # [B, step, segment]
    lengths = member.sum(dim=1)
    totals = member.mT @ steps
    return totals / lengths.clamp_min(1)[..., None], lengths > 0
