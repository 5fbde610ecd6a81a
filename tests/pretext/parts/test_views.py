"""Views: what they are drawn from, at what level, and that they repeat."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.pretext.parts.views import Views

SAMPLES = SAMPLE_RATE_HZ


class Tones:
    """Recordings of one tone each, at frequencies that tell them apart, with noise."""

    hz = (500.0, 1500.0, 6000.0)

    def __init__(self, seconds: float = 2.0) -> None:
        self.samples = np.full(len(self.hz), round(seconds * SAMPLE_RATE_HZ))

    def __len__(self) -> int:
        return len(self.hz)

    def read(self, index: int, start: int, samples: int) -> np.ndarray:
        time_s = (start + np.arange(samples)) / SAMPLE_RATE_HZ
        level = 10.0**-index  # mixing has to bring them to one level
        return (0.5 * level * np.sin(2 * np.pi * self.hz[index] * time_s)).astype(np.float32)

    def contents(self) -> list[str]:
        return [str(hz) for hz in self.hz]


def views(**changes) -> Views:
    plain = Views(Tones(), SAMPLES, per_segment=40, mix=0.0, band_limited=0.0, segment_s=10, seed=0)
    return dataclasses.replace(plain, **changes)


def drawn(rows: range, **changes):
    """Return waveforms and the recordings that each consists of."""
    made = views(**changes)
    return made.draw(rows), made.recordings_of(rows)


def levels_at(wave: np.ndarray) -> np.ndarray:
    """Return the amplitude at each of the three frequencies."""
    spectrum = np.abs(np.fft.rfft(wave)) * 2 / len(wave)
    return np.array([spectrum[round(hz * len(wave) / SAMPLE_RATE_HZ)] for hz in Tones.hz])


def test_every_recording_has_as_many_views():
    made = views()
    used = made.recordings_of(range(len(made)))
    assert len(made) == 120
    assert [used.count((k,)) for k in range(3)] == [40, 40, 40]


def test_view_depends_on_seed_and_number_alone():
    whole = views(mix=0.5).draw(range(20))
    part = views(mix=0.5).draw(range(7, 9))
    other = views(mix=0.5, seed=1).draw(range(7, 9))
    assert np.array_equal(whole[7:9], part) and not np.array_equal(part, other)


def test_mixed_views_hold_both_sounds_at_a_similar_level():
    waves, used = drawn(range(60), mix=1.0)
    pairs = [(w, u) for w, u in zip(waves.numpy(), used, strict=True) if len(set(u)) == 2]
    assert len(pairs) > 20
    for wave, (first, second) in pairs:
        found = levels_at(wave)
        assert 0.2 < found[first] / found[second] < 5
        assert found[({0, 1, 2} - {first, second}).pop()] < 0.05 * found.max()


def test_share_is_mixed():
    used = views(mix=0.25).recordings_of(range(120))
    assert 15 <= sum(len(clips) == 2 for clips in used) <= 45


def test_band_limited_views_hold_nothing_above_4_khz():
    waves, used = drawn(range(30), band_limited=1.0)
    for wave, (clip,) in zip(waves.numpy(), used, strict=True):
        assert (levels_at(wave)[clip] < 1e-4) == (Tones.hz[clip] > 4000)


def test_levels_vary_and_nothing_is_clipped():
    waves, used = drawn(range(120))
    peaks = np.abs(waves.numpy()).max(axis=1)
    quiet = np.array([peak for peak, (clip,) in zip(peaks, used, strict=True) if clip == 2])
    assert peaks.max() <= 0.99 and quiet.max() / quiet.min() > 4  # 12 dB of the 18


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"mix": 0.5}, {"band_limited": 0.1}, {"samples": 100}]
)
def test_identity_changes_with_every_setting(change):
    assert views().identity() == views().identity() != views(**change).identity()
