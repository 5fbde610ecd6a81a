"""Pitch of tones and made voices, and interpolation against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tasks import FRONTEND

from tiny_audio_ssl.pretext.parts.prosody import interpolated, pitch, prosody

SAMPLES = FRONTEND.samples(20)
SECONDS = torch.arange(SAMPLES) / 16_000


def harmonics(hz: float, count: int) -> torch.Tensor:
    """Sum of harmonics, each weaker than the one below it."""
    waves = [torch.sin(2 * math.pi * n * hz * SECONDS + n) / n for n in range(1, count + 1)]
    return 0.1 * torch.stack(waves).sum(dim=0)


@pytest.mark.parametrize("count", [1, 6])
def test_pitch_of_tones_is_within_one_percent(count):
    hz = torch.tensor([80.0, 97.3, 123.4, 150.0, 201.7, 260.0, 333.3, 400.0])
    found, voiced = pitch(torch.stack([harmonics(float(f), count) for f in hz]), FRONTEND)
    whole = slice(3, -3)  # frames whose windows lie within the waveform
    assert voiced[:, whole].all()
    torch.testing.assert_close(found[:, whole], hz[:, None].expand(-1, 14), rtol=0.01, atol=0)


def test_correlation_by_loops():
    """The peak of sum x_i x_(i+lag) over the root of both energies, in float64."""
    rng = np.random.default_rng(0)
    wave = harmonics(140.0, 4).double() + 0.02 * torch.from_numpy(rng.standard_normal(SAMPLES))
    size, last = 400, 268
    start = 10 * 160 + 200 - (size + last) // 2
    x = wave[start : start + size + last].numpy()
    x = x - x.mean()
    by_lag = {
        lag: sum(x[i] * x[i + lag] for i in range(size))
        / math.sqrt(sum(x[:size] ** 2) * sum(x[lag : lag + size] ** 2))
        for lag in range(31, last + 1)
    }
    peaks = [lag for lag in range(32, last) if by_lag[lag - 1] < by_lag[lag] >= by_lag[lag + 1]]
    largest = max(by_lag[lag] for lag in peaks)
    lag = next(lag for lag in peaks if by_lag[lag] >= 0.9 * largest)
    left, middle, right = (by_lag[lag + k] for k in (-1, 0, 1))
    expected = 16_000 / (lag + 0.5 * (left - right) / (left - 2 * middle + right))
    found, _ = pitch(wave[None], FRONTEND)
    assert float(found[0, 10]) == pytest.approx(expected, rel=1e-9)


def test_noise_and_silence_are_not_voiced():
    noise = 0.1 * torch.randn(1, SAMPLES, generator=torch.Generator().manual_seed(0))
    _, voiced = pitch(torch.cat([noise, torch.zeros(1, SAMPLES), 1e-6 * noise]), FRONTEND)
    assert voiced[0].float().mean() < 0.2 and not voiced[1:].any()


def test_pitch_is_interpolated_between_voiced_frames():
    rng = torch.Generator().manual_seed(1)
    values, known = torch.randn(30, 12, generator=rng), torch.rand(30, 12, generator=rng) < 0.3
    known[0] = False
    found = interpolated(values, known)
    for row, own, there in zip(found, values, known, strict=True):
        places = there.nonzero()[:, 0].numpy()
        if len(places):
            expected = np.interp(np.arange(12), places, own[places].numpy())
            np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)
        else:
            assert (row == math.log(120)).all()


def test_prosody_of_a_tone_and_of_silence():
    waves = torch.stack([harmonics(200.0, 1), torch.zeros(SAMPLES)])
    log_pitch, voiced, crossings, energy = prosody(waves, FRONTEND).unbind(1)
    assert log_pitch[0, 5].exp().item() == pytest.approx(200, rel=0.01)
    assert voiced[0, 5] == 1 and not voiced[1].any()
    assert crossings[0, 5].item() == pytest.approx(400 / 16_000, abs=0.003)
    assert energy[0, 5].item() == pytest.approx(math.log(0.1**2 / 2), abs=0.05)
    assert torch.isfinite(energy).all() and not crossings[1].any()
