"""Bands on a logarithmic scale: a constant-Q front-end, as far as its window allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import DenseMel, FactoredMel, band_edges, mel_spectrum
from tiny_audio_ssl.pretext.configs.spice import SpiceConfig

PITCH = SpiceConfig.wants


def slow_bands(config: FrontendConfig, waveform: np.ndarray) -> np.ndarray:
    """Frame by frame, band by band, in float64: `[samples]` -> `[bands, frames]`"""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.window) / config.window)
    hz = np.arange(config.fft_size // 2 + 1) * config.sample_rate_hz / config.fft_size
    ratio = (config.max_hz / config.min_hz) ** (1 / (config.bands + 1))
    bands = np.zeros((config.bands, config.frames(len(waveform))))
    for frame in range(bands.shape[1]):
        start = frame * config.hop
        spectrum = np.fft.rfft(hann * waveform[start : start + config.window], config.fft_size)
        for band in range(config.bands):
            peak = config.min_hz * ratio ** (band + 1)
            low, high = min(peak / ratio, peak - hz[1]), max(peak * ratio, peak + hz[1])
            weights = np.interp(hz, [low, peak, high], [0, 1, 0], 0, 0)
            bands[band, frame] = weights @ np.abs(spectrum) ** 2
    return bands


def test_both_forms_agree_with_a_slow_reference(rng):
    waveform = 0.1 * torch.randn(1, PITCH.samples(2), generator=rng)
    expected = slow_bands(PITCH, waveform[0].double().numpy())
    spectrum = mel_spectrum(PITCH)
    assert type(spectrum) is FactoredMel
    for found in (spectrum(waveform), DenseMel(PITCH)(waveform)):
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3, atol=1e-6 * expected.max())


def test_bands_are_at_equal_distances_in_octaves():
    edges = band_edges(PITCH)
    octaves = edges.log2().diff()
    torch.testing.assert_close(octaves, torch.full_like(octaves, 1 / 24), rtol=0, atol=1e-6)
    assert math.isclose(float(edges[1]), 41.2, rel_tol=1e-4)  # E1, the peak of the first band


@pytest.mark.parametrize("hz", [60.0, 220.0, 880.0])
def test_another_pitch_shifts_the_bands(hz):
    """Eight bands are a third of an octave: resampled by 2^(8/24), a tone looks the same there."""
    time_s = torch.arange(PITCH.window) / PITCH.sample_rate_hz
    orders = torch.arange(1, 9)[:, None]
    tones = [
        (torch.sin(2 * torch.pi * orders * f * time_s + orders**2) / orders).sum(dim=0)
        for f in (hz, hz * 2 ** (8 / 24))
    ]
    low, high = LogMel(PITCH)(torch.stack(tones))[:, 0, :, 0]
    assert np.corrcoef(low[:-8], high[8:])[0, 1] > 0.9 > np.corrcoef(low, high)[0, 1]


def test_one_normalization_for_all_bands(rng):
    batches = [0.1 * torch.randn(4, 8000, generator=rng) for _ in range(2)]
    frontend = LogMel(PITCH).fit(batches)
    assert len(frontend.mean.unique()) == len(frontend.inverse_std.unique()) == 1
    values = torch.cat([frontend(batch).flatten() for batch in batches])
    torch.testing.assert_close(values.mean(), torch.tensor(0.0), rtol=0, atol=1e-3)
    torch.testing.assert_close(values.std(), torch.tensor(1.0), rtol=0, atol=1e-3)


def test_silence_is_finite():
    assert LogMel(PITCH)(torch.zeros(1, PITCH.samples(3))).isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scale": "bark"}, "scale 'bark'; choose from mel, log"),
        ({"normalize": "none"}, "normalize 'none'; choose from band, all"),
        ({"scale": "log", "min_hz": 0.0}, "min_hz 0 with scale log"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        FrontendConfig(**wrong)
