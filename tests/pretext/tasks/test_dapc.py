"""DAPC against slow, literal transcriptions; its information where a closed form is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.dapc import DapcConfig
from tiny_audio_ssl.pretext.tasks.dapc import EPSILON, Dapc, predictive_information

FRONTEND = FrontendConfig()


def information_by_slogdet(z: np.ndarray, steps: int) -> float:
    """I of all windows, stacked one by one, in float64."""
    rows = [
        np.concatenate([clip[start + k] for k in range(2 * steps)])
        for clip in z
        for start in range(len(clip) - 2 * steps + 1)
    ]
    mean = sum(rows) / len(rows)
    both = sum(np.outer(row - mean, row - mean) for row in rows) / len(rows)
    both = both + EPSILON * np.eye(len(mean))
    half = len(mean) // 2
    log_det = [np.linalg.slogdet(c)[1] for c in (both[:half, :half], both[half:, half:], both)]
    return (log_det[0] + log_det[1] - log_det[2]) / 2


def test_information_is_that_of_stacked_windows(rng):
    z = torch.randn(5, 9, 3, generator=rng).cumsum(1)
    for steps in (1, 2, 3):
        expected = information_by_slogdet(z.double().numpy(), steps)
        assert predictive_information(z, steps).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("a", [0.0, 0.5, 0.9])
def test_information_of_an_autoregressive_sequence(a, steps):
    """z_t = a z_(t-1) + e tells -log(1 - a^2) / 2 of its future, however long the windows."""
    noise = np.random.default_rng(0).standard_normal((20, 2000))
    z = np.zeros_like(noise)
    z[:, 0] = noise[:, 0] / math.sqrt(1 - a * a)
    for t in range(1, z.shape[1]):
        z[:, t] = a * z[:, t - 1] + noise[:, t]
    found = predictive_information(torch.from_numpy(z)[:, :, None], steps).item()
    assert found == pytest.approx(-math.log(1 - a * a) / 2, abs=0.02)


def test_loss_is_information_scale_and_error_of_what_was_masked(rng):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval().double()
    config = DapcConfig(size=3, hidden=16, steps=6)
    task = Dapc(config, encoder, FRONTEND).eval().double()
    clips = torch.randn(5, 1, 64, 50, generator=rng)
    inputs = task.draw(clips, rng)
    logmel, mask = inputs["logmel"].double(), inputs["mask"]
    out = task(encoder, logmel=logmel, mask=mask)

    def codes(clip):
        slices = [clip[None, :, :, 8 * s : 8 * s + 8] for s in range(6)]
        return [task.project(encoder(piece))[0] for piece in slices]

    with torch.no_grad():
        z = np.array([[code.numpy() for code in codes(clip)] for clip in logmel])
        rows = z.reshape(-1, 3)
        apart = np.cov(rows.T, bias=True) - np.eye(3)
        squares, hidden = 0.0, 0
        for clip, masked in zip(logmel, mask, strict=True):
            decoded = task.decoder(torch.stack(codes(clip * ~masked))[None])[0]
            for s in range(6):
                for band in range(64):
                    for frame in range(8):
                        if masked[0, band, 8 * s + frame]:
                            found = decoded[s, 8 * band + frame]
                            squares += float(found - clip[0, band, 8 * s + frame]) ** 2
                            hidden += 1
    expected = 0.1 * (apart**2).sum() + 10 * squares / hidden - information_by_slogdet(z, 2)
    assert out["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_masks_are_stripes_of_all_bands_and_of_all_frames(rng):
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands)
    task = Dapc(DapcConfig(masks=1), encoder, FRONTEND)
    mask = task.draw(torch.randn(200, 1, 64, 100, generator=rng), rng)["mask"][:, 0]
    frames, bands = mask.all(dim=1), mask.all(dim=2)
    torch.testing.assert_close(mask, frames[:, None] | bands[:, :, None])
    for stripe, longest in ((frames, 15), (bands, 8)):
        lengths = stripe.sum(dim=1)
        assert lengths.min() == 1 and lengths.max() == longest
        edges = stripe.long().diff(dim=1).abs().sum(dim=1)
        assert edges.max() <= 2  # one stripe


def test_batches_too_small_for_their_covariance_are_refused():
    assert Dapc.clips_needed(DapcConfig()) == 16
    assert Dapc.clips_needed(DapcConfig(size=4)) == 4
    with pytest.raises(UserError, match="at least 8 steps"):
        DapcConfig(steps=7, window_steps=4)
