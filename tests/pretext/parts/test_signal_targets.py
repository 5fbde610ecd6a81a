"""Targets of waveforms against plain loops in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tasks import FRONTEND

from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.parts.signal_targets import (
    TARGETS,
    gammatone,
    gammatone_filters,
    log_power_spectrum,
    mel_cepstrum,
    power_spectrum,
    waveform,
)

FRAMES = 12
WAVE = 0.1 * torch.randn(2, FRONTEND.samples(FRAMES), generator=torch.Generator().manual_seed(0))


def power_by_hand(wave: np.ndarray, frame: int, window: int) -> np.ndarray:
    """Transform the windowed samples around the center of a frame; beyond the ends is silence."""
    center = 160 * frame + 200
    size = 1 << (window - 1).bit_length()
    samples = np.zeros(size)
    for i in range(window):
        place = center - 200 - (window - 400) // 2 + i
        if 0 <= place < len(wave):
            samples[i] = wave[place] * (0.5 - 0.5 * math.cos(2 * math.pi * i / window))
    return np.abs(np.fft.rfft(samples)) ** 2


@pytest.mark.parametrize("window", [0, 512, 2048])
def test_power_spectrum(window):
    found = power_spectrum(WAVE.double(), FRONTEND, window)
    for frame in (0, 5, 11):
        expected = power_by_hand(WAVE[1].double().numpy(), frame, window or 400)
        np.testing.assert_allclose(found[1, :, frame], expected, rtol=1e-6, atol=1e-12)
    logarithm = log_power_spectrum(WAVE.double(), FRONTEND, window)
    torch.testing.assert_close(logarithm, torch.log(found + 1e-6))


def test_mel_cepstrum_is_the_dct_of_the_front_ends_log_mel():
    log_mel = LogMel(FRONTEND)(WAVE)[:, 0].double().numpy()
    found = mel_cepstrum(WAVE, FRONTEND)
    assert found.shape == (2, 20, FRAMES)
    for k in range(20):
        scale = math.sqrt((1 if k == 0 else 2) / 64)
        expected = scale * sum(
            log_mel[:, n] * math.cos(math.pi * k * (n + 0.5) / 64) for n in range(64)
        )
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-3, atol=1e-3)


def test_gammatone_filters_by_hand():
    filters = gammatone_filters(FRONTEND).double()
    first, last = (21.4 * math.log10(1 + 0.00437 * hz) for hz in (60, 7800))  # numbers of ERBs
    for k in (0, 17, 39):
        number = first + k / 39 * (last - first)
        center = (10 ** (number / 21.4) - 1) / 0.00437
        width = 1.019 * 24.7 * (0.00437 * center + 1)
        response = [(1 + ((31.25 * bin_ - center) / width) ** 2) ** -4 for bin_ in range(257)]
        np.testing.assert_allclose(filters[k], np.array(response) / sum(response), rtol=2e-3)


def test_gammatone_is_the_log_of_filtered_power():
    found = gammatone(WAVE, FRONTEND)
    power = power_by_hand(WAVE[0].double().numpy(), 4, 400)
    expected = np.log(gammatone_filters(FRONTEND).numpy() @ power + 1e-6)
    np.testing.assert_allclose(found[0, :, 4], expected, rtol=1e-4)


def test_waveform_is_that_around_the_centers():
    found = waveform(WAVE, FRONTEND)
    assert found.shape == (2, 160, FRAMES)
    for frame in (0, 7):
        begin = 160 * frame + 120
        assert torch.equal(found[1, :, frame], WAVE[1, begin : begin + 160])


@pytest.mark.parametrize("name", list(TARGETS))
def test_target_has_the_front_ends_frames_and_no_nan_in_silence(name):
    found = TARGETS[name](torch.cat([WAVE, torch.zeros_like(WAVE)]), FRONTEND)
    assert found.ndim == 3 and found.shape[0] == 4 and found.shape[2] == FRAMES
    assert torch.isfinite(found).all()
