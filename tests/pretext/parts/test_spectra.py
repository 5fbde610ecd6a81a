"""The Fourier transform and its inverse: as defined, inverse to each other, equal in exports."""

from __future__ import annotations

import cmath
import math

import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.parts.spectra import InverseStft, MelBins, Stft

CONFIG = FrontendConfig()
SHORT = FrontendConfig(window_ms=2, hop_ms=0.5)  # 32 and 8 samples


@pytest.fixture
def sound(rng):
    return 0.1 * torch.randn(2, CONFIG.samples(20), generator=rng)


def test_spectrum_is_the_definition(rng):
    wave = torch.randn(1, SHORT.samples(3), generator=rng)
    found = Stft(SHORT)(wave)
    size, bins = SHORT.fft_size, SHORT.fft_size // 2 + 1
    for frame in range(3):
        for k in (0, 1, 7, bins - 1):
            total = 0j
            for n in range(SHORT.window):
                hann = 0.5 - 0.5 * math.cos(2 * math.pi * n / SHORT.window)
                sample = float(wave[0, frame * SHORT.hop + n])
                total += sample * hann * cmath.exp(-2j * math.pi * k * n / size)
            assert float(found[0, k, 0, frame]) == pytest.approx(total.real, abs=1e-5)
            assert float(found[0, bins + k, 0, frame]) == pytest.approx(total.imag, abs=1e-5)


@pytest.mark.parametrize("config", [CONFIG, SHORT, FrontendConfig(window_ms=20, hop_ms=10)])
def test_inverse_gives_the_sound_back(config, rng):
    wave = torch.randn(2, config.samples(20), generator=rng)
    found = InverseStft(config)(Stft(config)(wave))
    inner = slice(config.window // 2, -(config.window // 2))
    assert torch.allclose(found[:, inner], wave[:, inner], atol=1e-5)
    assert (found.abs() <= 1.01 * wave.abs() + 1e-4).all()  # at the ends it fades


def test_products_of_exports_equal_the_fast_transforms(sound, monkeypatch):
    stft, inverse = Stft(CONFIG), InverseStft(CONFIG)
    spectrum = stft(sound)
    found = inverse(spectrum)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert torch.allclose(stft(sound), spectrum, atol=1e-5)
    assert torch.allclose(inverse(spectrum), found, atol=1e-5)


def test_frames_far_apart_are_refused():
    with pytest.raises(UserError, match=r"lower --frontend\.hop-ms"):
        InverseStft(FrontendConfig(window_ms=10, hop_ms=10))


def test_gains_of_bins_are_means_of_their_bands():
    bins = MelBins(CONFIG)
    assert torch.allclose(bins(torch.ones(1, 64, 2)), torch.ones(1))
    mask = torch.zeros(1, 64, 1)
    mask[0, 40] = 1
    gains = bins(mask)[0, :, 0, 0]
    real, imaginary = gains.chunk(2)
    assert torch.equal(real, imaginary)
    weights = bins.filters
    for k in (3, 60, 100, 245):
        expected = float(weights[40, k] / weights[:, k].sum())
        assert float(real[k]) == pytest.approx(expected, abs=1e-6)
    edges = torch.zeros(1, 64, 1)
    edges[0, 0], edges[0, -1] = 0.25, 0.5
    real = bins(edges)[0, :257, 0, 0]
    assert real[0] == 0.25 and real[-1] == 0.5  # 0 and 8000 Hz, outside all bands


def test_power_in_bands_is_the_front_ends(sound):
    frontend = LogMel(CONFIG)
    expected = frontend.bands(sound).transpose(0, 1)
    assert torch.allclose(MelBins(CONFIG).power(Stft(CONFIG)(sound)), expected, rtol=1e-3)
