"""Embed long sounds in constant memory: a sound longer than a minute is the mean over equal
parts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ

LONGEST_PASS_S = 60.0
Array = TypeVar("Array", np.ndarray, torch.Tensor)


def is_long(samples: int) -> bool:
    """Return whether a sound of `samples` samples is longer than `LONGEST_PASS_S`."""
    return samples > round(LONGEST_PASS_S * SAMPLE_RATE_HZ)


def parts_of(samples: int) -> list[tuple[int, int]]:
    """Return the first sample and the end of each equal part of at most `LONGEST_PASS_S`."""
    count = -(-samples // round(LONGEST_PASS_S * SAMPLE_RATE_HZ))
    edges = np.linspace(0, samples, max(1, count) + 1).astype(int).tolist()
    return list(pairwise(edges))


def embed_in_parts(embed: Callable[[Array], Array], waves: Array) -> Array:
    """Return `embed(waves)` [B, D], or the mean over the parts of waveforms [B, N] that are long.

    Every model embeds whole sounds through this, whether they come from a file or an array.
    """
    parts = parts_of(waves.shape[1])
    if len(parts) == 1:
        return embed(waves)
    found = [embed(waves[:, begin:end]) for begin, end in parts]
    if isinstance(waves, torch.Tensor):
        return torch.stack(found).double().mean(dim=0).float()
    mean: np.ndarray = np.stack(found).astype(np.float64).mean(axis=0)
    return mean.astype(np.float32)
