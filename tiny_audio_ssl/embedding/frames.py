"""Frame features: an embedding every few milliseconds, for questions about the course of a sound.

Frame k of any model is centered at k hops from the first sample, as the timestamps of HEAR are
(arXiv 2203.03022); where a window reaches beyond the sound, it sees zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ, WINDOW_MS
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.utils.ranges import DURATION_MS, Range, checked_number

Floats = NDArray[np.float32]
Frames = tuple[Floats, NDArray[np.float64]]

WINDOWS_AT_ONCE = 256  # memory does not grow with the length of the audio


class FrameModel(Protocol):
    """Interface of anything that turns waveforms into frame features: a checkpoint, log-mel, a HEAR
    module."""

    @property
    def name(self) -> str:
        """Name for tables."""

    @property
    def identity(self) -> str:
        """Hash of all that the features depend on."""

    def frames(self, waves: Floats, hop_ms: float, /) -> Frames:
        """float32 [B, N], mono, -1..1, 16 kHz -> features [B, T, D], their centers in ms [T]."""


def hop_samples(hop_ms: float) -> int:
    """Return the samples of a hop, at least one. Raises `UserError` for no such duration."""
    shortest = Range(1000 / SAMPLE_RATE_HZ, DURATION_MS.high)
    hop: float = checked_number("hop_ms", hop_ms, shortest)
    return round(hop * SAMPLE_RATE_HZ / 1000)


def centers_ms(samples: int, hop: int) -> NDArray[np.float64]:
    """Return the centers of the frames of a sound, [T], in ms from its first sample."""
    found: NDArray[np.float64] = np.arange(math.ceil(samples / hop)) * hop * 1000 / SAMPLE_RATE_HZ
    return found


def window_samples(model: WaveformEncoder, window_ms: float | None = None) -> int:
    """Return the samples of a window, whole log-mel frames of it.

    Without `window_ms`, a window is as long as the slices that the encoder was trained on, or as
    the usual window if there are none.
    """
    frontend = model.frontend.config
    if window_ms is not None:
        window_ms = checked_number("window_ms", window_ms, DURATION_MS)
        return frontend.samples(frontend.frames_of_ms(window_ms))
    slice_frames = model.encoder.config.slice_frames
    return frontend.samples(slice_frames or frontend.frames_of_ms(WINDOW_MS))


def embed_windows(
    embed: Callable[[Tensor], Tensor], audio: Tensor, window: int, hop: int
) -> Tensor:
    """Embed windows around regular centers: [sounds, samples] -> [sounds, windows, D].

    `embed` takes waveforms [B, window] to [B, D]. The first window is centered at the first sample;
    the half before the sound is zeros.
    """
    count = math.ceil(audio.shape[1] / hop)
    before = window // 2
    after = (count - 1) * hop + window - before - audio.shape[1]
    views = F.pad(audio, (before, after)).unfold(1, window, hop)
    parts = torch.split(views, max(1, WINDOWS_AT_ONCE // len(audio)), dim=1)
    found = [embed(part.flatten(0, 1)).reshape(*part.shape[:2], -1) for part in parts]
    return torch.cat(found, dim=1)


def at_nearest(
    found: Floats, times_ms: NDArray[np.float64], wanted_ms: NDArray[np.float64]
) -> Floats:
    """Select, for each of other times [T], the nearest of features [B, T', D] at ascending times
    [T']."""
    after = np.searchsorted(times_ms, wanted_ms).clip(1, max(1, len(times_ms) - 1))
    before = after - 1
    after = np.minimum(after, len(times_ms) - 1)
    later = times_ms[after] - wanted_ms < wanted_ms - times_ms[before]
    chosen: Floats = found[:, np.where(later, after, before)]
    return chosen
