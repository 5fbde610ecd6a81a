"""Crops of labeled recordings for training, and windows of whole recordings for testing.

A recording shorter than a window is padded with zeros at its end, in training and in testing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.embedding.embedder import spans

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LabeledPart:
    """Training data of one head: recordings, and the class index of each, `[recordings]`."""

    recordings: Recordings
    labels: Ints
    classes: int


class Crops:
    """Random crops of one part; those of step k depend only on the seed and k.

    Every recording is used once, in a new order each time, before any is used again. Unlike in
    pre-training (`batches.Batches`), long and short recordings count the same: each has one label.
    """

    def __init__(self, part: LabeledPart, samples: int, size: int, seed: int) -> None:
        self.part, self.samples, self.size, self.seed = part, samples, size, seed

    def step(self, step: int) -> tuple[Tensor, Tensor]:
        """Return crops `[size, samples]`, float32, -1..1, and their labels, int64 `[size]`."""
        clips = self._clips(step)
        room = np.maximum(0, self.part.recordings.samples[clips] - self.samples)
        starts = np.random.default_rng([self.seed, 1, step]).integers(0, room + 1)
        waves = [
            padded(self.part.recordings, int(clip), int(start), self.samples)
            for clip, start in zip(clips, starts, strict=True)
        ]
        return torch.from_numpy(np.stack(waves)), torch.from_numpy(self.part.labels[clips])

    def _clips(self, step: int) -> Ints:
        count, first = len(self.part.recordings), step * self.size
        epochs = range(first // count, (first + self.size - 1) // count + 1)
        orders = [np.random.default_rng([self.seed, 0, e]).permutation(count) for e in epochs]
        return np.concatenate(orders)[first % count :][: self.size]


def all_windows(
    recordings: Recordings, samples: int, size: int = 64
) -> Iterator[tuple[Tensor, Ints]]:
    """Yield batches of windows `[size, samples]`, and the recording of each window, `[size]`.

    The windows cover whole recordings; the last window of a recording ends with it.
    """
    wanted = spans(recordings, samples / SAMPLE_RATE_HZ)
    for first in range(0, len(wanted), size):
        some = wanted[first : first + size]
        waves = [padded(recordings, s.clip, s.start, samples) for s in some]
        yield torch.from_numpy(np.stack(waves)), np.array([s.clip for s in some])


def padded(recordings: Recordings, clip: int, start: int, samples: int) -> Waveform:
    """Read `samples` samples from `start`, followed by zeros where the recording has ended."""
    there = min(samples, int(recordings.samples[clip]) - start)
    return np.pad(recordings.read(clip, start, there), (0, samples - there))
