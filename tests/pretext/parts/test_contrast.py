"""The contrastive losses against loops over every pair, in float64."""

from __future__ import annotations

import math

import pytest
import torch

from tiny_audio_ssl.pretext.parts import contrast


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_info_nce(rng):
    scores = torch.randn(5, 5, generator=rng).double()
    rows = scores.tolist()
    by_hand = [-math.log(math.exp(row[i]) / sum(map(math.exp, row))) for i, row in enumerate(rows)]
    assert contrast.info_nce(scores).item() == pytest.approx(sum(by_hand) / 5, rel=1e-12)


def test_accuracy_counts_the_rows_whose_largest_score_is_their_own():
    scores = torch.tensor([[2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 1.0]])
    assert contrast.accuracy(scores).item() == pytest.approx(2 / 3)


def test_nt_xent(rng):
    """Each of the 2B rows against its other view, over all rows but itself."""
    views, tau = torch.randn(8, 6, generator=rng).double(), 0.2
    z = views.tolist()
    total = 0.0
    for i in range(8):
        pair = (i + 4) % 8
        others = [math.exp(cosine(z[i], z[j]) / tau) for j in range(8) if j != i]
        total += -math.log(math.exp(cosine(z[i], z[pair]) / tau) / sum(others))
    assert contrast.nt_xent(views, tau).item() == pytest.approx(total / 8, rel=1e-12)


def test_pair_bce(rng):
    positive, negative = torch.randn(2, 5, generator=rng).double()
    total = 0.0
    for p, n in zip(positive.tolist(), negative.tolist(), strict=True):
        total -= math.log(1 / (1 + math.exp(-p))) + math.log(1 - 1 / (1 + math.exp(-n)))
    assert contrast.pair_bce(positive, negative).item() == pytest.approx(total / 5, rel=1e-12)
