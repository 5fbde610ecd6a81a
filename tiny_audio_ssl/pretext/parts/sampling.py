"""Draw parts of clips: pure functions that take a generator."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.data.counter import CounterGenerator


def integers(low: int, high: int, count: int, rng: torch.Generator) -> Tensor:
    """Draw `count` integers in low..high, both ends included."""
    if isinstance(rng, CounterGenerator):
        return rng.integers(low, high, count)
    return torch.randint(low, high + 1, (count,), generator=rng)


def others(count: int, rng: torch.Generator) -> Tensor:
    """Draw the index of another clip for each of `count` clips, [count]. A single clip gets its
    own."""
    return (torch.arange(count) + integers(1, max(1, count - 1), count, rng)) % count


def cut(clips: Tensor, starts: Tensor, frames: int) -> Tensor:
    """Cut `frames` frames from each clip [B, 1, bands, T], from its own start [B]; or as many
    samples from each waveform [B, T]."""
    offsets = torch.arange(frames, device=clips.device)
    index = starts.to(clips.device)[:, None] + offsets
    index = index.reshape(len(clips), *[1] * (clips.ndim - 2), frames)
    return clips.gather(-1, index.expand(*clips.shape[:-1], -1))


def random_cut(clips: Tensor, frames: int, rng: torch.Generator) -> Tensor:
    """Cut as `cut` does, from a random place of each clip."""
    starts = integers(0, clips.shape[-1] - frames, len(clips), rng)
    return cut(clips, starts, frames)


def stripes(count: int, size: int, smallest: int, largest: int, rng: torch.Generator) -> Tensor:
    """Mark `smallest` to `largest` neighbors of `size` places, anywhere: bool [count, size]."""
    length = integers(smallest, largest, count, rng)
    start = (torch.rand(count, generator=rng) * (size - length + 1)).long()
    place = torch.arange(size)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
