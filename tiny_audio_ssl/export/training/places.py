"""Places in maps: the input value that each output value takes, computed at export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

Places = np.ndarray[Any, np.dtype[np.int64]]  # [taps, outputs]: the place each takes; -1: none


def window_places(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    out: Sequence[int],
) -> Places:
    """Return, for every tap of a window and place of the output, the input's place under it."""
    rows, columns = (
        np.arange(o) * s - p + np.arange(k)[:, None]  # [k, o]
        for o, s, p, k in zip(out, stride, padding, kernel, strict=True)
    )
    row, column = rows[:, None, :, None], columns[None, :, None, :]
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return np.where(inside, row * size[1] + column, -1).reshape(kernel[0] * kernel[1], -1)


def returned_places(places: Places, size: int) -> Places:
    """Return, for every tap and place of the input, the output's place that took it
    [taps, size]."""
    back = np.full((len(places), size), -1)
    for tap, taken in enumerate(places):
        outputs = np.flatnonzero(taken >= 0)
        back[tap, taken[outputs]] = outputs
    return back


def nearest_places(size: Sequence[int], out: Sequence[int]) -> Places:
    """Return, for every place of an upsampled output, the input's place [1, outputs]."""
    row, column = (np.arange(o) * n // o for n, o in zip(size, out, strict=True))
    return (row[:, None] * size[1] + column).reshape(1, -1)


def pooled_size(x: Tensor, kernel: Sequence[int], ceil_mode: bool) -> list[int]:
    """Return rows and columns after pooling maps [B, C, R, T] in windows side by side."""
    return [-(-n // k) if ceil_mode else n // k for n, k in zip(x.shape[2:], kernel, strict=True)]
