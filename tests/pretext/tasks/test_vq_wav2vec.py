"""vq-wav2vec against loops in float64."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.vq_wav2vec import VqWav2vecConfig
from tiny_audio_ssl.pretext.tasks.vq_wav2vec import VqWav2vec

FRONTEND = FrontendConfig()
CONFIG = VqWav2vecConfig(steps=9, size=16, entries=5, distances=3, negatives=4, layers=2)


def make(config: VqWav2vecConfig = CONFIG) -> tuple[VqWav2vec, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval().double()
    return VqWav2vec(config, encoder, FRONTEND).eval().double(), encoder


def inputs_of(task: VqWav2vec, rng: torch.Generator) -> dict[str, torch.Tensor]:
    logmel = torch.randn(3, 1, 64, task.clip_frames + 3, generator=rng).cumsum(3) / 5
    drawn = task.draw(logmel, rng)
    return {k: v.double() if v.is_floating_point() else v for k, v in drawn.items()}


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


@pytest.mark.parametrize("codebook", ["gumbel", "kmeans"])
def test_loss_by_loops(codebook, rng):
    """-log sigma(q_(t+k)' h_k(c_t)) - sum_n log sigma(-q_n' h_k(c_t)), mean over t and k."""
    task, encoder = make(replace(CONFIG, codebook=codebook, diversity=0.2))
    inputs = inputs_of(task, rng)
    out = task(encoder, **inputs)
    with torch.no_grad():
        steps = task.steps_of(task.encode(encoder, inputs["logmel"])).flatten(0, 1)
        coded = task.codebook(steps, inputs.get("noise"))
        codes = coded.vectors.reshape(3, 9, 16)
        context = task.network(codes)
        right, wrong = [], []
        for b in range(3):
            for t in range(9 - 5):
                ahead = task.ahead(context[b, t]).reshape(3, 16)
                for k in range(3):  # distances of 3, 4 and 5 steps
                    right.append(softplus(-float(codes[b, t + 3 + k] @ ahead[k])))
                    places = inputs["negatives"][b, t, k].tolist()
                    others = [codes[place // 9, place % 9] for place in places]
                    wrong.append(sum(softplus(float(other @ ahead[k])) for other in others))
    expected = np.mean(right) + np.mean(wrong) + coded.loss.item()
    assert out["loss"].item() == pytest.approx(expected, rel=1e-6)
    assert coded.loss.item() > 0


def test_the_paper_adds_no_term_for_gumbel(rng):
    task, encoder = make()
    inputs = inputs_of(task, rng)
    assert task.coded(encoder, inputs)[1].loss.item() == 0


@pytest.mark.parametrize("codebook", ["gumbel", "kmeans"])
def test_everything_is_trained(codebook, rng):
    task, encoder = make(replace(CONFIG, codebook=codebook))
    task(encoder, **inputs_of(task, rng))["loss"].backward()
    named = [*task.named_parameters(), *encoder.named_parameters()]
    assert not [name for name, p in named if p.grad is None or not p.grad.any()]


def test_units_are_those_of_the_codebook(rng):
    task, encoder = make()
    logmel = torch.randn(2, 1, 64, 16, generator=rng).double()
    product = task.product(LogMel(FRONTEND), encoder)
    with torch.no_grad():
        found = product.module(logmel)
        features = encoder(logmel[..., 4:12])
        expected = task.codebook.ids(task.norm(task.project(features)))
    assert found.shape == (2, 3, 2) and torch.equal(found[:, 1], expected)
