"""Views: crops of recordings at other levels, mixed and band-limited, drawn once for all epochs.

A task whose targets are expensive, such as the embeddings of several teachers, computes them for a
fixed number of views and stores them. View k is a function of the seed and k alone.
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
from tiny_audio_ssl.data.shards import Ints

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
    def _entries(self) -> Ints:
        return segment_entries(self.recordings, self.segment_s)

    def draw(self, rows: range) -> Tensor:
        """Return waveforms [views, samples]."""
        entries = self._entries
        return torch.from_numpy(np.stack([self._view(row, entries) for row in rows]))

    def recordings_of(self, rows: range) -> list[tuple[int, ...]]:
        """Return the recordings that each view consists of, without reading them."""
        entries = self._entries
        return [self._plan(entries, row, self._rng(row))[0] for row in rows]

    def identity(self) -> str:
        """Return a hash of everything that the views depend on."""
        settings = [self.samples, self.per_segment, self.mix, self.band_limited, self.segment_s]
        about = [*settings, self.seed, LEVEL_DB, MIX_WEIGHT, BAND_LIMIT_HZ]
        contents = self.recordings.contents()
        return hashlib.sha256(json.dumps([about, contents]).encode()).hexdigest()

    def _rng(self, row: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, row])

    def _plan(
        self, entries: Ints, row: int, rng: np.random.Generator
    ) -> tuple[tuple[int, ...], bool]:
        """Return the one or two recordings of a view, and whether it is band-limited."""
        first, second = int(entries[row % len(entries)]), int(rng.choice(entries))
        is_mixed, is_limited = rng.random(2) < (self.mix, self.band_limited)
        return (first, second) if is_mixed else (first,), bool(is_limited)

    def _view(self, row: int, entries: Ints) -> Waveform:
        rng = self._rng(row)
        used, is_limited = self._plan(entries, row, rng)
        wave = self._crop(used[0], rng)
        for other in used[1:]:
            wave = _mixed(wave, self._crop(other, rng), rng.uniform(*MIX_WEIGHT))
        if is_limited:
            wave = _band_limited(wave)
        gain = 10 ** (rng.uniform(*LEVEL_DB) / 20)
        peak = float(np.abs(wave).max()) + 1e-9
        changed: Waveform = (wave * min(gain, PEAK / peak)).astype(np.float32)
        return changed

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
