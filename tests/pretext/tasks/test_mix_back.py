"""Mix-back against a slow, literal transcription of arXiv 2011.07616, section 2."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tasks import FRONTEND, logmels, make_task

from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.parts import augment
from tiny_audio_ssl.pretext.tasks.mix_back import mix_back


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def share_of(mixed, x, b):
    """The share a of b in (1 - a) x + a E(x) / E(b) b, and what is left over."""
    scaled = b * x.sum() / b.sum()
    share = np.median((mixed - x) / (scaled - x))
    return share, np.abs((1 - share) * x + share * scaled - mixed).max()


def test_background_is_another_clip_at_the_energy_of_the_patch():
    """x_m = (1 - a) x + a (E(x) / E(b)) b in power, a <= .05, bin by bin."""
    log_mel = logmels(5, 12).double() + torch.arange(5)[:, None, None, None]
    power = log_mel.exp().numpy() - 1e-6
    mixed = mix_back(log_mel, generator(), 0.05).exp().numpy() - 1e-6
    backgrounds = []
    for i in range(5):
        fits = {k: share_of(mixed[i], power[i], power[k]) for k in set(range(5)) - {i}}
        found = min(fits, key=lambda k: fits[k][1])
        share, error = fits[found]
        assert error < 1e-6 * power[i].max() and 0 < share <= 0.05
        np.testing.assert_allclose(mixed[i].sum(), power[i].sum(), rtol=1e-6)
        backgrounds.append(found)
    assert len(set(backgrounds)) > 1


def test_silence_is_neither_mixed_nor_mixed_in():
    log_mel = logmels(2, 12)
    log_mel[0] = math.log(1e-6)
    mixed = mix_back(log_mel, generator(), 0.05)
    torch.testing.assert_close(mixed[0], log_mel[0])
    assert torch.isfinite(mixed).all()
    torch.testing.assert_close(mix_back(log_mel[:1], generator(), 0.05), log_mel[:1])  # alone


def test_mixing_undoes_the_normalization_of_the_front_end(monkeypatch):
    """A run's normalized log-mels are mixed as the power that they stand for."""
    monkeypatch.setattr(augment, "random_area_crop", lambda logmel, rng, area: logmel)
    task, _ = make_task("mix-back", compansion=1.0, noise=0.0)
    waves = 0.1 * torch.randn(4, FRONTEND.samples(96), generator=generator(1))
    plain, fitted = LogMel(FRONTEND), LogMel(FRONTEND).fit([waves])
    expected = task.inputs(plain, waves, generator(2))
    given = task.inputs(fitted, waves, generator(2))
    for name in ("anchor", "positive"):
        assert not torch.allclose(expected[name], given[name], atol=0.1)
        torch.testing.assert_close(given[name], fitted.normalize(expected[name]), rtol=0, atol=1e-3)


def test_both_patches_have_draws_of_their_own(rng):
    task, _ = make_task("mix-back", clip_ms=335, slice_ms=325)
    patches = task.draw(logmels(6, 31), rng)
    assert patches["anchor"].shape == patches["positive"].shape == (6, 1, 64, 31)
    assert not torch.allclose(patches["anchor"], patches["positive"], atol=0.05)


def test_loss_is_nt_xent_of_the_projections():
    task, encoder = make_task("mix-back")
    patches = {"anchor": logmels(4, 66), "positive": logmels(4, 66, seed=2)}
    z = task.projector(encoder(torch.cat([*patches.values()]))).double()
    z = (z / z.norm(dim=1, keepdim=True)).tolist()
    total = 0.0
    for i in range(8):
        scores = [math.exp(sum(a * b for a, b in zip(z[i], row, strict=True)) / 0.2) for row in z]
        total -= math.log(scores[(i + 4) % 8] / (sum(scores) - scores[i]))
    assert task(encoder, **patches)["loss"].item() == pytest.approx(total / 8, rel=1e-4)


def test_area_crop_has_the_area_and_ratio_that_are_asked_for():
    """A ramp over time and bands shows where each crop begins and ends."""
    ramp = torch.arange(100.0).expand(200, 1, 100, 100)
    width = (lambda c: (c[:, 0, 50, -1] - c[:, 0, 50, 0] + 1) / 100)(
        augment.random_area_crop(ramp, generator(3), 0.5)
    )
    height = (lambda c: (c[:, 0, -1, 50] - c[:, 0, 0, 50] + 1) / 100)(
        augment.random_area_crop(ramp.transpose(2, 3), generator(3), 0.5)
    )
    area, ratio = width * height, width / height
    assert (
        area.min() >= 0.47
        and area.max() <= 1.0
        and area.mean().item() == pytest.approx(0.74, abs=0.04)
    )
    assert 0.7 <= ratio.min() < 0.85 and 1.2 < ratio.max() <= 1.4
    whole = augment.random_area_crop(ramp, generator(), 1.0, largest_ratio=1.0)
    torch.testing.assert_close(whole, ramp, rtol=0, atol=1e-3)
