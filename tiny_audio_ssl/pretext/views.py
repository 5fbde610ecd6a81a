"""Views: crops of recordings at other levels, mixed and band-limited, drawn once for all epochs.

A task that asks much of each clip, such as the targets of several teachers, computes it for a fixed
number of views, and keeps the result. View k is a function of the seed and k alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.audio.waveform import Waveform
from tiny_audio_ssl.data.batches import segment_entries
from tiny_audio_ssl.data.cache import Recordings

BAND_LIMIT_HZ = 4000.0  # the band of telephones, and of recordings made at 8 kHz
LEVEL_DB = (-12.0, 6.0)  # range of the random change of level
MIX_WEIGHT = (0.2, 0.8)  # range of the share of the first of two mixed sounds
PEAK = 0.99  # a view is lowered where it would exceed this
SILENCE = 1e-4  # added to a level before it divides


@dataclass(frozen=True)
class Views:
    """`per_segment` views of each segment of each recording.

    A share `mix` of them is mixed with another recording's crop at a similar level, and a share
    `band_limited` holds nothing above 4 kHz.
    """

    recordings: Recordings
    samples: int  # of a view
    per_segment: int
    mix: float
    band_limited: float
    segment_s: float
    seed: int

    def __len__(self) -> int:
        return self.per_segment * len(self._entries)

    @property
    def _entries(self) -> np.ndarray:
        return segment_entries(self.recordings, self.segment_s)

    def draw(self, rows: range) -> tuple[Tensor, list[tuple[int, ...]]]:
        """Return waveforms [views, samples], and the recordings that each view consists of."""
        entries = self._entries
        drawn = [self._view(row, entries) for row in rows]
        return torch.from_numpy(np.stack([wave for wave, _ in drawn])), [used for _, used in drawn]

    def identity(self) -> str:
        """Return a hash of everything that the views depend on."""
        settings = [self.samples, self.per_segment, self.mix, self.band_limited, self.segment_s]
        about = [*settings, self.seed, LEVEL_DB, MIX_WEIGHT, BAND_LIMIT_HZ]
        contents = self.recordings.contents()
        return hashlib.sha256(json.dumps([about, contents]).encode()).hexdigest()

    def _view(self, row: int, entries: np.ndarray) -> tuple[Waveform, tuple[int, ...]]:
        rng = np.random.default_rng([self.seed, row])
        first, second = int(entries[row % len(entries)]), int(rng.choice(entries))
        is_mixed, is_limited = rng.random(2) < (self.mix, self.band_limited)
        wave = self._crop(first, rng)
        if is_mixed:
            wave = _mixed(wave, self._crop(second, rng), rng.uniform(*MIX_WEIGHT))
        if is_limited:
            wave = _band_limited(wave)
        gain = 10 ** (rng.uniform(*LEVEL_DB) / 20)
        peak = float(np.abs(wave).max()) + 1e-9
        changed = (wave * min(gain, PEAK / peak)).astype(np.float32)
        return changed, (first, second) if is_mixed else (first,)

    def _crop(self, index: int, rng: np.random.Generator) -> Waveform:
        room = int(self.recordings.samples[index]) - self.samples
        return self.recordings.read(index, int(rng.integers(0, room + 1)), self.samples)


def _mixed(one: Waveform, other: Waveform, weight: float) -> Waveform:
    """Return the sum of two waveforms, brought to one level and weighted, at the first one's."""
    level = one.std() + SILENCE
    mixed: Waveform = level * (
        weight * one / level + (1 - weight) * other / (other.std() + SILENCE)
    )
    return mixed


def _band_limited(wave: Waveform) -> Waveform:
    spectrum = np.fft.rfft(wave)
    spectrum[round(BAND_LIMIT_HZ * len(wave) / SAMPLE_RATE_HZ) :] = 0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)
