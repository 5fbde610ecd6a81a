"""Analysis by synthesis: proposals come from the recordings, the loss from synthetic sound
alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.tasks import FRONTEND, make_task
from torch import Tensor

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.parts import vocal_tract


def noise(rng: torch.Generator, clips: int = 3) -> Tensor:
    return 0.1 * torch.randn(clips, FRONTEND.samples(20), generator=rng)


def test_proposals_are_what_the_copy_says_with_noise(rng):
    task, encoder = make_task("analysis-by-synthesis", slices=2, clip_ms=175)
    clips = noise(rng)
    drawn = task.draw(clips, torch.Generator().manual_seed(4))
    inputs = task.inputs(LogMel(), clips, torch.Generator().manual_seed(4))
    with torch.no_grad():
        for row, wav in enumerate(drawn["wav"]):
            heard = task.head(encoder(LogMel()(wav[None])))[0]  # the copy is still the same
            proposal = (heard + drawn["proposal_noise"][row]).clamp(-1, 1)
            torch.testing.assert_close(inputs["parameters"][row], proposal, rtol=0, atol=1e-4)
            sound = vocal_tract.synthesize(proposal[None], drawn["hiss"][row][None], 1520)
            made = LogMel()(sound * drawn["level"][row])
            torch.testing.assert_close(inputs["logmel"][row], made[0], rtol=0, atol=1e-2)


def test_loss_is_the_squared_error_of_the_parameters(rng):
    task, encoder = make_task("analysis-by-synthesis", slices=2, clip_ms=175)
    inputs = task.inputs(LogMel(), noise(rng), rng)
    with torch.no_grad():
        out = task(encoder, **inputs)
        errors = [
            (float(found) - float(wanted)) ** 2
            for row, p in zip(inputs["logmel"], inputs["parameters"], strict=True)
            for found, wanted in zip(task.head(encoder(row[None]))[0], p, strict=True)
        ]
    np.testing.assert_allclose(float(out["loss"]), np.mean(errors), rtol=1e-4)


def test_nothing_of_the_recordings_reaches_the_loss(rng):
    task, _ = make_task("analysis-by-synthesis", slices=1, clip_ms=175, uniform=1.0)
    quiet, loud = (
        task.inputs(LogMel(), scale * noise(rng), torch.Generator().manual_seed(4))
        for scale in (0.1, 5.0)
    )
    assert all(torch.equal(quiet[name], loud[name]) for name in quiet)


def test_copy_follows_and_noise_falls(rng):
    task, encoder = make_task("analysis-by-synthesis", momentum=0.75, last_noise=0.2)
    before = task.proposing[1].weight.clone()
    with torch.no_grad():
        task.head.weight += 1
    task.after_step(encoder, 25, 100)
    torch.testing.assert_close(task.proposing[1].weight, before + 0.25)
    assert float(task.noise) == pytest.approx(0.8)


def test_product_gives_parameters_of_each_slice(rng):
    task, encoder = make_task("analysis-by-synthesis")
    product = task.product(LogMel(), encoder)
    logmel = LogMel()(noise(rng))
    with torch.no_grad():
        found = product.module(logmel)
        third = task.head(encoder(logmel[..., 8:16]))
    assert (product.name, product.takes, found.shape) == ("articulation", "mel", (3, 4, 9))
    torch.testing.assert_close(found[:, 2], third, rtol=0, atol=1e-4)
    assert "length_cm, tongue_place" in product.outputs[0].meaning


def test_slices_are_short():
    with pytest.raises(UserError, match="expected at most 128"):
        make_task("analysis-by-synthesis", slice_ms=200)
    with pytest.raises(UserError, match="must not be longer than its clip"):
        make_task("analysis-by-synthesis", slice_ms=95, clip_ms=50)
