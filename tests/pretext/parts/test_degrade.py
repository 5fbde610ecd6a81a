"""Degradations with a strength: stronger ones change more, and one draw fits several clips."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tiny_audio_ssl.pretext.parts.degrade import DEGRADATIONS, degrade


def clips(count: int = 4) -> Tensor:
    """Noise with a decay, so that every band and every level is there."""
    rng = torch.Generator().manual_seed(1)
    return torch.randn(count, 8000, generator=rng) * torch.linspace(0.2, 0, 8000)


def error_db(wav: Tensor, changed: Tensor) -> Tensor:
    return 10 * ((changed - wav).square().sum(1) / wav.square().sum(1)).clamp_min(1e-9).log10()


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_stronger_ones_change_more(name):
    wav = clips()
    errors = []
    for strength in (0.0, 0.3, 0.6, 1.0):
        rng = torch.Generator().manual_seed(5)
        changed = DEGRADATIONS[name](wav, torch.full((4,), strength), rng)
        assert changed.shape == wav.shape and changed.isfinite().all()
        errors.append(error_db(wav, changed))
    assert (torch.stack(errors).diff(dim=0) > 0).all() and (errors[0] < -25).all()


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_silence_stays_silent(name, rng):
    assert not DEGRADATIONS[name](torch.zeros(2, 4000), torch.ones(2), rng).any()


def test_noise_has_the_level_that_its_strength_says(rng):
    changed = DEGRADATIONS["noise"](clips(), torch.tensor([0.0, 0.5, 0.8, 1.0]), rng)
    expected = torch.tensor([-50.0, -25.0, -10.0, 0.0])
    torch.testing.assert_close(error_db(clips(), changed), expected, rtol=0, atol=0.1)


def test_one_draw_fits_several_clips():
    """The same seed adds the same noise, whatever it is added to; another seed adds another."""
    names, kind, strength = ("clipping", "noise"), torch.tensor([1, 0, 1, 1]), torch.full((4,), 0.9)
    loud, quiet = clips(), 0.5 * clips()
    first, second, other = (
        degrade(wav, names, kind, strength, seed) - wav
        for wav, seed in ((loud, 7), (quiet, 7), (loud, 9))
    )
    torch.testing.assert_close(first, 2 * second, rtol=1e-4, atol=1e-5)
    assert (first - other)[[0, 2, 3]].abs().amax(dim=1).min() > 0.01
    assert torch.equal(first[1], other[1])  # clipping draws nothing
