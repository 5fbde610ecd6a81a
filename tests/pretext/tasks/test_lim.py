"""Local info max against a slow, literal transcription of arXiv 1812.00271, section 2."""

from __future__ import annotations

import math

import pytest
import torch
from support.tasks import FRONTEND, counting_waves, logmels, make_task, origins

from tiny_audio_ssl import UserError


def discriminate(task, first, second):
    """g of two embeddings, by hand."""
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in task.discriminator[::2])
    hidden = (w1 @ torch.cat([first, second]) + b1).clamp_min(0)
    return (w2 @ hidden + b2).item()


def test_chunks_come_from_the_same_clip_and_from_another(rng):
    task, _ = make_task("lim")
    samples = FRONTEND.samples(18)
    wav = task.draw(counting_waves(6, 14_000), rng)["wav"]
    assert wav.shape == (18, samples)
    first, same, other = torch.tensor(origins(wav)).chunk(3)
    assert first[:, 0].tolist() == same[:, 0].tolist() == list(range(6))
    assert (other[:, 0] != first[:, 0]).all()
    starts = torch.tensor(origins(wav))[:, 1]
    assert starts.min() >= 0 and starts.max() <= 14_000 - samples and len(set(starts.tolist())) > 10


def test_starts_are_uniform():
    task, _ = make_task("lim")
    wav = task.draw(counting_waves(2000, 14_000), torch.Generator().manual_seed(0))["wav"]
    starts = torch.tensor(origins(wav))[:, 1].double()
    assert starts.mean().item() == pytest.approx((14_000 - FRONTEND.samples(18)) / 2, rel=0.02)


def test_loss_is_the_binary_cross_entropy_of_both_kinds_of_pairs():
    """-log sigma(g(z1, z2)) - log(1 - sigma(g(z1, z_rand))), six clips by hand."""
    task, encoder = make_task("lim")
    logmel = logmels(18, 18)
    out = task(encoder, logmel=logmel)
    z = encoder(logmel)
    total, right = 0.0, 0
    for i in range(6):
        positive = discriminate(task, z[i], z[6 + i])
        negative = discriminate(task, z[i], z[12 + i])
        total -= math.log(1 / (1 + math.exp(-positive)))
        total -= math.log(1 - 1 / (1 + math.exp(-negative)))
        right += (positive > 0) + (negative < 0)
    assert out["loss"].item() == pytest.approx(total / 6, rel=1e-5)
    assert out["accuracy"].item() == pytest.approx(right / 12)


def test_info_nce_finds_its_own_chunk_among_all(rng):
    task, encoder = make_task("lim", objective="info-nce")
    assert len(task.draw(counting_waves(6, 14_000), rng)["wav"]) == 12
    logmel = logmels(12, 18)
    z, total = encoder(logmel), 0.0
    for i in range(6):
        scores = [discriminate(task, z[i], z[6 + j]) for j in range(6)]
        total -= math.log(math.exp(scores[i]) / sum(map(math.exp, scores)))
    assert task(encoder, logmel=logmel)["loss"].item() == pytest.approx(total / 6, rel=1e-5)


def test_unknown_objective_lists_the_known_ones():
    with pytest.raises(UserError, match="'mine'; expected bce or info-nce"):
        make_task("lim", objective="mine")
