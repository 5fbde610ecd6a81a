"""Learned filters: their response, the waveform's own convolution, training, constant form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tiny_audio_ssl.models.checkpoint import build_model
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.sinc import TAPS, SincLogMel

DENSE = FrontendConfig(hop_ms=10.5)  # a hop that the factors do not fit


@pytest.fixture
def frontend() -> SincLogMel:
    """A front-end whose filters have moved from where they begin."""
    torch.manual_seed(0)
    made = SincLogMel()
    with torch.no_grad():
        made.shift.normal_(0, 0.3)
        made.growth.normal_(0, 0.3)
    return made


def test_filters_begin_on_the_mel_scale():
    low, high = SincLogMel().edges_hz().detach().numpy()
    ends = 2595 * np.log10(1 + np.array([60, 7800]) / 700)
    edges = 700 * (10 ** (np.linspace(*ends, 66) / 2595) - 1)
    np.testing.assert_allclose((low + high) / 2, edges[1:-1], rtol=1e-4)
    assert (high - low).min() >= 49.99 and (np.diff(low) > 0).all()


def test_taps_are_the_papers(frontend):
    """arXiv 1808.00158, section 2, by loops: a difference of two low-pass filters, windowed."""
    low, high = frontend.edges_hz().detach().double().numpy() / 16_000
    n = np.arange(TAPS) - TAPS // 2
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(TAPS) / (TAPS - 1))
    for band in (0, 20, 63):
        f1, f2 = low[band], high[band]
        g = [2 * f2 * np.sinc(2 * f2 * k) - 2 * f1 * np.sinc(2 * f1 * k) for k in n]
        np.testing.assert_allclose(frontend.taps()[band].detach(), g * hamming, atol=1e-6)


def test_weights_are_the_filters_response(frontend):
    response = np.abs(np.fft.rfft(frontend.taps().detach().double().numpy(), 512)) ** 2
    np.testing.assert_allclose(frontend.filters().detach(), response, rtol=1e-4, atol=1e-6)


def test_bands_hold_the_energy_of_the_convolved_waveform(frontend, rng):
    """SincNet's convolution, squared and averaged over the frame's window."""
    wave = 0.1 * torch.randn(4, 16_000, generator=rng)
    filtered = F.conv1d(wave[:, None], frontend.taps()[:, None], padding=TAPS // 2)
    window = (torch.hann_window(400) ** 2).expand(64, 1, 400)
    energy = F.conv1d(filtered**2, window, stride=160, groups=64)
    bands = frontend.bands(wave).transpose(0, 1) / 256  # bins, whose powers add up to a band's
    ratio_db = 10 * (bands.mean(dim=(0, 2)) / energy.mean(dim=(0, 2))).log10()
    assert ratio_db.abs().max() < 0.5
    frames = torch.corrcoef(torch.stack([bands[:, 40].flatten(), energy[:, 40].flatten()]))
    assert frames[0, 1] > 0.95


@pytest.mark.parametrize("config", [FrontendConfig(), DENSE])
def test_constant_filters_give_the_same(config, rng):
    torch.manual_seed(0)
    model = build_model(config, EncoderConfig("sinc-mobile", width=0.25)).eval()
    with torch.no_grad():
        model.frontend.shift.normal_(0, 0.3)
    wave = 0.1 * torch.randn(2, 15_600, generator=rng)
    model.frontend.fit([wave])
    constant = model.constant()
    assert type(constant.frontend) is LogMel and not list(constant.frontend.parameters())
    torch.testing.assert_close(constant(wave), model(wave), rtol=1e-4, atol=1e-4)


def test_a_filter_moves_to_where_the_sound_is():
    """The band that begins beside a tone of 1 kHz moves there to gain energy."""
    frontend = SincLogMel()
    time_s = torch.arange(8000) / 16_000
    tone = 0.3 * torch.sin(2 * torch.pi * 1000 * time_s)[None]
    low, high = frontend.edges_hz()
    band = int((low > 1100).nonzero()[0])
    optimizer = torch.optim.Adam(frontend.parameters(), 0.05)
    for _ in range(80):
        loss = -torch.log(frontend.bands(tone)[band].mean() + 1e-6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    low, high = frontend.edges_hz()
    assert low[band] < 1000 < high[band]
