"""The vocal tract: a textbook's tube, matrices multiplied one by one, vowels, pitch and noise."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tiny_audio_ssl.pretext.parts import vocal_tract
from tiny_audio_ssl.pretext.parts.vocal_tract import (
    FFT_SIZE,
    PARAMETERS,
    SOUND_CM_PER_S,
    physical,
    synthesize,
    transfer,
    tube,
)

GRID_HZ = torch.arange(1.0, 4000.0)


def peaks_hz(response: Tensor) -> list[float]:
    """Return the frequencies of the peaks of a magnitude [frequencies] at GRID_HZ."""
    inner = response[1:-1]
    return GRID_HZ[1:-1][(inner > response[:-2]) & (inner > response[2:])].tolist()


def standardized(**values: float) -> Tensor:
    """Return parameters [1, 9] with these values in their units, and the middle of the others."""
    row = []
    for name, (low, high) in PARAMETERS.items():
        value = values.get(name)
        if value is None:
            row.append(0.0)
        elif name in ("f0_hz", "lip_area_cm2"):
            row.append(2 * math.log(value / low) / math.log(high / low) - 1)
        else:
            row.append(2 * (value - low) / (high - low) - 1)
    return torch.tensor([row])


def test_uniform_tube_resonates_at_odd_quarters_of_a_wave():
    lengths, areas = torch.full((1, 22), 17.5 / 22), torch.full((1, 22), 5.0)
    response = transfer(lengths, areas, GRID_HZ, radiates=False).abs()[0]
    np.testing.assert_allclose(peaks_hz(response)[:3], [500, 1500, 2500], rtol=0.02)


def test_radiation_lowers_the_resonances():
    lengths, areas = torch.full((1, 22), 17.5 / 22), torch.full((1, 22), 5.0)
    closed, open_ = (
        peaks_hz(transfer(lengths, areas, GRID_HZ, radiates=radiates).abs()[0])[0]
        for radiates in (False, True)
    )
    assert 0.9 * closed < open_ < closed


def test_transfer_multiplies_the_matrices(rng):
    """Glottis to lips, [P; U] = K1 K2 ... [P; U] with impedances in units of rho c."""
    lengths = 0.5 + torch.rand(1, 5, generator=rng)
    areas = 0.5 + 4 * torch.rand(1, 5, generator=rng)
    for hz in (200.0, 1234.0, 3500.0):
        k, product = 2 * math.pi * hz / SOUND_CM_PER_S, np.eye(2, dtype=complex)
        for length, area in zip(lengths[0].tolist(), areas[0].tolist(), strict=True):
            gamma = (0.004 * math.sqrt(hz / 500) / math.sqrt(area / 3) + 1j * k) * length
            c, s = cmath.cosh(gamma), cmath.sinh(gamma)
            product = product @ np.array([[c, s / area], [s * area, c]])
        area = float(areas[0, -1])
        ka = k * math.sqrt(area / math.pi)
        impedance = (ka**2 / 4 + 0.6j * ka) / area
        expected = 1 / (product[1, 0] * impedance + product[1, 1])
        found = complex(transfer(lengths, areas, torch.tensor([hz]))[0, 0])
        assert abs(found - expected) < 1e-3 * abs(expected)


def formants_hz(**shape: float) -> list[float]:
    values = physical(standardized(**shape))
    return peaks_hz(transfer(*tube(values), GRID_HZ).abs()[0])[:2]


def test_shapes_are_those_of_vowels():
    """A high tongue in front lowers F1 and raises F2 (as in "he"); a low one in the back with an
    open jaw does the opposite (as in "hot")."""
    front = {"tongue_place": 0.75, "tongue_height": 1, "jaw_opening": -1, "lip_area_cm2": 2}
    back = {"tongue_place": 0.35, "tongue_height": 0.8, "jaw_opening": 1, "lip_area_cm2": 5}
    high, low = (formants_hz(length_cm=17, lip_length_cm=0.8, **shape) for shape in (front, back))
    assert high[0] < 300 < 500 < low[0] and high[1] > 1700 > 1300 > low[1]


@pytest.mark.parametrize("hz", [80.3, 151.7, 333.3])
def test_pitch_is_the_parameter(hz, rng):
    hiss = torch.randn(1, FFT_SIZE, generator=rng)
    sound = synthesize(standardized(f0_hz=hz, voicing=1.0), hiss, 1600)[0]
    spectrum = torch.fft.rfft(sound * torch.hann_window(1600), 1 << 16).abs()
    comb = [
        sum(float(spectrum[round(k * f * 4.096)]) for k in range(1, 6))
        for f in np.arange(0.9 * hz, 1.1 * hz, 0.1)
    ]
    assert abs(0.9 * hz + 0.1 * int(np.argmax(comb)) - hz) < 0.01 * hz


def test_sound_has_power_1_and_no_voice_is_noise(rng):
    p = 2 * torch.rand(6, 9, generator=rng) - 1
    p[:3, 8], p[3:, 8] = -1, 1
    hiss = torch.randn(6, FFT_SIZE, generator=rng)
    sound = synthesize(p, hiss, 1520)
    assert sound.shape == (6, 1520) and sound.isfinite().all()
    torch.testing.assert_close(sound.square().mean(1), torch.ones(6), rtol=0, atol=1e-3)
    again = synthesize(p, hiss.roll(1, 0), 1520)
    same = (sound - again).square().mean(1)
    assert (same[:3] > 0.5).all() and (same[3:] < 1e-6).all()


def test_extremes_are_finite(rng):
    """Numbers outside of -1..1 are clamped."""
    corners = torch.cartesian_prod(*[torch.tensor([-3.0, 3.0])] * 9)
    chosen = corners[torch.randperm(len(corners), generator=rng)[:64]]
    hiss = torch.randn(64, FFT_SIZE, generator=rng)
    assert synthesize(chosen, hiss, 400).isfinite().all()
    limits = physical(chosen)
    for name, (low, high) in vocal_tract.PARAMETERS.items():
        assert limits[name].min() >= low - 1e-3 and limits[name].max() <= high + 1e-3
