"""Errors of estimated sounds, beside their definitions in float64."""

from __future__ import annotations

import math

import pytest
import torch

from tiny_audio_ssl.pretext.parts import sound_error


def literal_si_sdr(estimate: list[float], true: list[float], soft: float = 0.0) -> float:
    scale = sum(e * s for e, s in zip(estimate, true, strict=True)) / sum(s * s for s in true)
    signal = sum((scale * s) ** 2 for s in true)
    error = sum((scale * s - e) ** 2 for e, s in zip(estimate, true, strict=True))
    return 10 * math.log10(signal / (error + soft * signal))


@pytest.fixture
def pair(rng):
    true = torch.randn(4, 2000, generator=rng)
    noise = torch.randn(4, 2000, generator=rng) * torch.tensor([0.1, 0.5, 2.0, 10.0])[:, None]
    return 3 * true + noise, true


def test_ratio_is_the_definition(pair):
    for soft_db in (None, 30.0):
        found = sound_error.si_sdr(*pair, soft_db)
        for ratio, estimate, true in zip(found, *pair, strict=True):
            soft = 0.0 if soft_db is None else 1e-3
            expected = literal_si_sdr(estimate.tolist(), true.tolist(), soft)
            assert float(ratio) == pytest.approx(expected, abs=0.01)


def test_silence_has_no_ratio_and_no_gradient(pair):
    estimate = pair[0].clone().requires_grad_()
    true = pair[1].clone()
    true[:2] = 0
    assert (sound_error.si_sdr(estimate, true)[:2] == 0).all()
    loss = sound_error.si_sdr_loss(estimate, true)
    expected = -sound_error.si_sdr(estimate[2:], true[2:], 30.0).mean()
    assert torch.allclose(loss, expected)
    loss.backward()
    assert not estimate.grad[:2].any() and estimate.grad[2:].any()
    nothing = torch.zeros(2, 2000, requires_grad=True)
    sound_error.si_sdr_loss(nothing, true[:2]).backward()
    assert torch.isfinite(nothing.grad).all()


def test_a_silent_estimate_has_the_lowest_ratio(pair):
    nothing = torch.zeros(4, 2000, requires_grad=True)
    ratio = sound_error.si_sdr(nothing, pair[1])
    assert torch.allclose(ratio, torch.tensor(-80.0), atol=0.1)
    ratio.sum().backward()
    assert torch.isfinite(nothing.grad).all()


def test_improvement_is_the_difference_of_the_means(pair):
    estimate, true = pair
    mixture = estimate.flip(0)
    gain = sound_error.si_sdr(estimate, true) - sound_error.si_sdr(mixture, true)
    assert torch.allclose(sound_error.improvement(estimate, mixture, true), gain.mean())
    silent = sound_error.improvement(0 * estimate, mixture, true)
    assert torch.allclose(silent, (-30 - sound_error.si_sdr(mixture, true)).mean())


def test_segments_are_weighted_one_by_one(pair):
    estimate, true = pair
    weights = torch.linspace(0, 1, 4 * 7).reshape(4, 7)
    found = sound_error.segmental_loss(estimate, true, weights)
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / 1024) for n in range(1024)]
    starts = range(0, 2000 - 1024 + 1, 256)
    at = sound_error.at_segments(weights, len(starts))
    for row in range(4):
        total = 0.0
        for place, start in enumerate(starts):
            e, s = (
                [float(x) * h for x, h in zip(wav[row, start : start + 1024], hann, strict=True)]
                for wav in (estimate, true)
            )
            total += float(at[row, place]) * literal_si_sdr(e, s, 1e-3)
        assert float(found[row]) == pytest.approx(-total / len(starts), abs=0.02)


def test_error_of_a_mixture_is_the_definition(pair):
    estimate, true = pair
    for found, e, y in zip(sound_error.mixture_error(*pair), estimate, true, strict=True):
        energy = sum(v * v for v in y.tolist())
        error = sum((a - b) ** 2 for a, b in zip(y.tolist(), e.tolist(), strict=True))
        expected = 10 * math.log10((error + 1e-3 * energy) / energy)
        assert float(found) == pytest.approx(expected, abs=1e-3)
    assert float(sound_error.mixture_error(true[0], true[0])) == pytest.approx(-30, abs=1e-3)
    assert float(sound_error.mixture_error(0 * true[0], true[0])) == pytest.approx(0, abs=0.01)
    silent = torch.zeros(2000)
    assert torch.isfinite(sound_error.mixture_error(silent, silent))
