"""Acoustic targets against literal NumPy forms."""

from __future__ import annotations

import numpy as np
import torch

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import band_filters
from tiny_audio_ssl.pretext.parts.acoustic_targets import Mfcc, deltas

FRONTEND = FrontendConfig(bands=24)


def tones(rng: torch.Generator, samples: int = 8_000) -> torch.Tensor:
    seconds = torch.arange(samples) / 16_000
    hertz = torch.tensor([[220.0], [1000.0]])
    noise = torch.randn(2, samples, generator=rng)
    return 0.2 * torch.sin(2 * torch.pi * hertz * seconds) + 0.01 * noise


def test_mfcc_by_loops(rng):
    """Window, power spectrum, mel filters, logarithm, then sum_n x_n cos(pi k (n + 1/2) / N)."""
    waves = tones(rng)
    found = Mfcc(FRONTEND)(waves)[:, :13].numpy()
    filters, window = band_filters(FRONTEND).numpy(), np.hanning(401)[:400]
    bands = FRONTEND.bands
    for b in range(2):
        for t in (0, 7, 46):
            frame = waves[b, 160 * t : 160 * t + 400].double().numpy() * window
            power = np.abs(np.fft.rfft(frame, 512)) ** 2
            log_mel = np.log(filters @ power + 1e-6)
            for k in range(13):
                scale = np.sqrt((1 if k == 0 else 2) / bands)
                cosines = [np.cos(np.pi * k * (n + 0.5) / bands) for n in range(bands)]
                assert abs(found[b, k, t] - scale * np.dot(log_mel, cosines)) < 2e-3


def test_deltas_are_slopes_of_lines_through_five_frames(rng):
    values = torch.randn(2, 3, 9, generator=rng)
    found = deltas(values).numpy()
    padded = np.pad(values.numpy(), ((0, 0), (0, 0), (2, 2)), mode="edge")
    for t in range(9):
        for b in range(2):
            for d in range(3):
                slope = np.polyfit(np.arange(5), padded[b, d, t : t + 5], 1)[0]
                np.testing.assert_allclose(found[b, d, t], slope, atol=1e-5)


def test_second_deltas_follow_the_first(rng):
    found = Mfcc(FRONTEND)(tones(rng))
    assert found.shape == (2, 39, FRONTEND.frames(8_000))
    torch.testing.assert_close(found[:, 13:26], deltas(found[:, :13]))
    torch.testing.assert_close(found[:, 26:], deltas(found[:, 13:26]))


def test_it_has_no_state():
    assert not Mfcc(FRONTEND).state_dict()
