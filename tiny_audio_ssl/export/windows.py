"""Randomly drawn windows of real recordings: some for calibration, others for comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.errors import UserError

MOST_PER_RECORDING = 8


@dataclass(frozen=True)
class Window:
    """`samples` samples of a recording at 16 kHz, from `start_sample` of its file."""

    path: str
    start_sample: int
    samples: int
    waveform: np.ndarray = field(repr=False, compare=False)

    def overlaps(self, other: Window) -> bool:
        apart = abs(self.start_sample - other.start_sample) >= max(self.samples, other.samples)
        return self.path == other.path and not apart


def draw(
    clips: Sequence[Clip],
    samples: int,
    count: int,
    rng: np.random.Generator,
    avoid: Sequence[Window] = (),
) -> list[Window]:
    """Draw up to `count` different windows that overlap none of `avoid`.

    One of each recording in random order, then a second of each, and so on up to
    `MOST_PER_RECORDING`. Fewer are returned if the recordings are too few, too short or unreadable.
    """
    drawn: dict[Window, None] = {}
    for window in _draws(clips, samples, rng):
        if len(drawn) == count:
            break
        if not any(window.overlaps(other) for other in avoid):
            drawn[window] = None
    return list(drawn)


def _draws(clips: Sequence[Clip], samples: int, rng: np.random.Generator) -> Iterator[Window]:
    lengths = dict.fromkeys(range(len(clips)), -1)
    for _ in range(MOST_PER_RECORDING):
        for index in rng.permutation(list(lengths)):
            clip = clips[index]
            try:
                if lengths[index] < 0:
                    lengths[index] = _length(clip)
                offset = int(rng.integers(max(1, lengths[index] - samples + 1)))
                window = _read(clip, offset, samples)
            except UserError:  # of a file that has gone or changed since
                window = None
            if window is None:
                del lengths[index]
            else:
                yield window


def _read(clip: Clip, offset: int, samples: int) -> Window | None:
    start = round(clip.start_s * SAMPLE_RATE_HZ) + offset
    end = start + samples
    if clip.end_s is not None and end > round(clip.end_s * SAMPLE_RATE_HZ):
        return None
    waveform = audio.read(clip.path, start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)
    return Window(str(clip.path), start, samples, waveform) if len(waveform) == samples else None


def _length(clip: Clip) -> int:
    end_s = audio.duration_s(clip.path)
    if clip.end_s is not None:
        end_s = min(end_s, clip.end_s)
    return int((end_s - clip.start_s) * SAMPLE_RATE_HZ)


def stack(windows: Sequence[Window]) -> Tensor:
    """Return the samples of the windows: [windows, samples]."""
    return torch.from_numpy(np.stack([window.waveform for window in windows]))
