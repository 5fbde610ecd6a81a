"""Linear interpolation over the masked parts of a log-mel, a baseline for reconstructions."""

from __future__ import annotations

import torch
from torch import Tensor


def interpolated(logmel: Tensor, hidden: Tensor) -> Tensor:
    """Fill the hidden places of a log-mel [..., bands, frames] from visible ones.

    `hidden` is a mask of that shape. In time first, then over the bands where a band is hidden in
    all frames. Beyond the last visible place its value is held; with no visible place it is 0.
    """
    filled = _along_last(logmel, hidden)
    bands = hidden.all(dim=-1, keepdim=True).expand_as(hidden)
    return _along_last(filled.transpose(-1, -2), bands.transpose(-1, -2)).transpose(-1, -2)


def _along_last(values: Tensor, hidden: Tensor) -> Tensor:
    size = values.shape[-1]
    place = torch.arange(size, device=values.device).expand(hidden.shape)
    before = place.masked_fill(hidden, -1).cummax(dim=-1).values
    after = place.masked_fill(hidden, size).flip(-1).cummin(dim=-1).values.flip(-1)
    nothing = (before < 0) & (after == size)
    left = before.where(before >= 0, after).clamp(0, size - 1)
    right = after.where(after < size, before).clamp(0, size - 1)
    share = (place - left) / (right - left).clamp_min(1)
    filled = torch.lerp(values.gather(-1, left), values.gather(-1, right), share.to(values))
    return filled.masked_fill(nothing, 0)
