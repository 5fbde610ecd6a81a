"""SeqRQ-AE against loops in float64, and its segments."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.seqrq_ae import SeqRqAeConfig
from tiny_audio_ssl.pretext.parts.codebooks import DistanceCodebook
from tiny_audio_ssl.pretext.parts.segments import means, segment_numbers
from tiny_audio_ssl.pretext.tasks.seqrq_ae import SeqRqAe

FRONTEND = FrontendConfig()
CONFIG = SeqRqAeConfig(steps=12, size=16, entries=5)


def make() -> tuple[SeqRqAe, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval().double()
    return SeqRqAe(CONFIG, encoder, FRONTEND).eval().double(), encoder


def wandering(rng: torch.Generator, clips: int = 3) -> torch.Tensor:
    return torch.randn(clips, 1, 64, 56, generator=rng).double().cumsum(3) / 5


def test_segments_are_runs_of_equal_ids(rng):
    ids = torch.randint(0, 3, (20, 30), generator=rng)
    vectors = torch.randn(20, 30, 4, generator=rng)
    segments = segment_numbers(ids)
    merged = means(vectors, segments)
    for b in range(20):
        start = 0
        for number, (_, run) in enumerate(itertools.groupby(ids[b].tolist())):
            end = start + len(list(run))
            assert (segments[b, start:end] == number).all()
            mean = vectors[b, start:end].mean(dim=0)
            torch.testing.assert_close(merged[b, start:end], mean.expand(end - start, -1))
            start = end


def test_one_entry_throughout_is_one_segment():
    assert not segment_numbers(torch.full((2, 9), 4)).any()


def test_loss_by_loops(rng):
    task, encoder = make()
    inputs = task.draw(wandering(rng), rng)
    out = task(encoder, **inputs)
    steps = task.steps_of(task.encode(encoder, inputs["logmel"])).detach()
    codes = task.codebook.codes.detach()
    chosen = [
        [min(range(5), key=lambda v: (steps[b, t] - codes[v]).norm()) for t in range(12)]
        for b in range(3)
    ]
    commitment, quantized = [], torch.zeros(3, 12, 16).double()
    for b in range(3):
        start = 0
        for entry, run in itertools.groupby(chosen[b]):
            end = start + len(list(run))
            mean = steps[b, start:end].mean(dim=0)
            distances = [float((mean - code).norm()) for code in codes]
            assert distances.index(min(distances)) == entry  # cells are convex
            for t in range(start, end):
                quantized[b, t] = codes[entry]
                commitment.append(float((mean - codes[entry]).square().mean()))
            start = end
    found = task.reconstruct(task.network(quantized)).detach().reshape(3, 12, 64, 4)
    errors = [
        (found[b, t, :, k] - inputs["logmel"][b, 0, :, 4 * t + 2 + k]).square().mean().item()
        for b in range(3)
        for t in range(12)
        for k in range(4)
    ]
    assert out["loss"].item() == pytest.approx(
        np.mean(errors) + 0.25 * np.mean(commitment), rel=1e-6
    )
    runs = [len(list(itertools.groupby(row))) for row in chosen]
    assert out["segments_per_s"].item() == pytest.approx(np.mean(runs) / 0.48, rel=1e-6)


def test_gradient_is_that_of_the_soft_choice(rng):
    """P(v | h) = softmax(-|h - e_v|), by loops, with finite differences in float64."""
    book = DistanceCodebook(4, 5).double()
    vectors = torch.randn(2, 4, generator=rng).double().requires_grad_()
    weight = torch.randn(2, 4, generator=rng).double()

    def soft(x: torch.Tensor) -> float:
        total = 0.0
        for row, w in zip(x, weight, strict=True):
            shares = [math.exp(-float((row - code).norm())) for code in book.codes]
            mean = sum(s * code for s, code in zip(shares, book.codes, strict=True)) / sum(shares)
            total += float(mean @ w)
        return total

    (book(vectors).vectors * weight).sum().backward()
    for i, j in ((0, 0), (1, 2)):
        moved = torch.zeros(2, 4).double()
        moved[i, j] = 1e-6
        with torch.no_grad():
            slope = (soft(vectors + moved) - soft(vectors - moved)) / 2e-6
        assert float(vectors.grad[i, j]) == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_units_are_the_nearest_entries(rng):
    task, encoder = make()
    logmel = wandering(rng, clips=2)
    product = task.product(LogMel(FRONTEND), encoder)
    with torch.no_grad():
        found = product.module(logmel)
        features = encoder(logmel[..., 8:16])
        steps = task.norm(task.project(features))
        nearest = [min(range(5), key=lambda v: (s - task.codebook.codes[v]).norm()) for s in steps]
    assert found[:, 2, 0].tolist() == nearest


@pytest.mark.parametrize("settings", [{"entries": 1}, {"commitment": -1.0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        SeqRqAeConfig(**settings)
