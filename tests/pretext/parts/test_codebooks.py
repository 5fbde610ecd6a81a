"""Codebooks against literal forms of their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl.pretext.parts.codebooks import (
    GumbelCodebook,
    KMeansCodebook,
    collapse_reason,
    perplexity,
)


def gumbel_codebook(**settings) -> GumbelCodebook:
    torch.manual_seed(0)
    return GumbelCodebook(inputs=6, dim=8, groups=2, entries=5, **settings).double()


def test_gumbel_probabilities_and_choice_by_loops(rng):
    book = gumbel_codebook(tau=(0.7, 0.7))
    vectors = torch.randn(4, 6, generator=rng).double()
    noise = book.draw(4, rng=rng)["noise"].double()
    logits = book.logits(vectors).reshape(4, 2, 5).detach()
    coded = book(vectors, noise)
    for i in range(4):
        for g in range(2):
            scores = [(float(logits[i, g, v]) + float(noise[i, g, v])) / 0.7 for v in range(5)]
            chosen = max(range(5), key=scores.__getitem__)
            found = coded.vectors[i, 4 * g : 4 * g + 4]
            torch.testing.assert_close(found, book.codes[chosen])
            assert coded.ids[i, g] == logits[i, g].argmax()


def test_gumbel_noise_is_that_of_uniform_numbers():
    """-log(-log u): mean 0.5772 (Euler's constant), variance pi^2 / 6."""
    drawn = gumbel_codebook().draw(20_000, rng=torch.Generator().manual_seed(0))["noise"]
    assert drawn.shape == (20_000, 2, 5) and drawn.isfinite().all()
    assert drawn.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert drawn.var().item() == pytest.approx(math.pi**2 / 6, rel=0.02)


def test_gumbel_gradient_is_that_of_the_soft_choice(rng):
    """Forward is one-hot; backward is d/dx of sum_v p_v e_v, by finite differences in float64."""
    book = gumbel_codebook(tau=(0.7, 0.7))
    vectors = torch.randn(3, 6, generator=rng).double().requires_grad_()
    noise = book.draw(3, rng=rng)["noise"].double()
    weight = torch.randn(3, 8, generator=rng).double()

    def soft(x: torch.Tensor) -> float:
        logits = book.logits(x).reshape(3, 2, 5)
        shares = torch.softmax((logits + noise) / 0.7, dim=2)
        return float(((shares @ book.codes).flatten(1) * weight).sum())

    (book(vectors, noise).vectors * weight).sum().backward()
    step = 1e-6
    for i, j in ((0, 0), (1, 3), (2, 5)):
        moved = torch.zeros(3, 6).double()
        moved[i, j] = step
        with torch.no_grad():
            slope = (soft(vectors + moved) - soft(vectors - moved)) / (2 * step)
        assert float(vectors.grad[i, j]) == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_diversity_is_the_share_of_entries_not_in_use(rng):
    """(G V - sum_g perplexity_g) / (G V); its gradient by finite differences in float64."""
    book = gumbel_codebook(diversity=0.3)
    vectors = torch.randn(6, 6, generator=rng).double().requires_grad_()
    noise = book.draw(6, rng=rng)["noise"].double()

    def by_hand(x: torch.Tensor) -> float:
        logits, total = book.logits(x).reshape(6, 2, 5).tolist(), 0.0
        for g in range(2):
            mean = [0.0] * 5
            for row in logits:
                shares = [math.exp(one) for one in row[g]]
                mean = [m + s / sum(shares) / 6 for m, s in zip(mean, shares, strict=True)]
            total += math.exp(-sum(m * math.log(m + 1e-7) for m in mean))
        return 0.3 * (10 - total) / 10

    loss = book(vectors, noise).loss
    assert loss.item() == pytest.approx(by_hand(vectors), rel=1e-9)
    loss.backward()
    for i, j in ((0, 1), (4, 2)):
        moved = torch.zeros(6, 6).double()
        moved[i, j] = 1e-6
        with torch.no_grad():
            slope = (by_hand(vectors + moved) - by_hand(vectors - moved)) / 2e-6
        assert float(vectors.grad[i, j]) == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_gumbel_temperature_falls_to_its_end():
    book = gumbel_codebook()
    for share, expected in ((0.0, 2.0), (0.5, 1.0), (1.0, 0.5)):
        book.anneal(share)
        assert float(book.tau) == pytest.approx(expected)


def test_kmeans_codebook_by_loops(rng):
    torch.manual_seed(0)
    book = KMeansCodebook(inputs=6, dim=8, groups=2, entries=5).double()
    torch.nn.init.normal_(book.codes)
    vectors = torch.randn(4, 6, generator=rng).double()
    coded = book(vectors)
    to_codes, to_vectors = [], []
    for i, row in enumerate(book.project(vectors).tolist()):
        for g in range(2):
            part = row[4 * g : 4 * g + 4]
            mean = sum(part) / 4
            std = math.sqrt(sum((x - mean) ** 2 for x in part) / 4 + 1e-5)
            z = [(x - mean) / std for x in part]
            far = [
                sum((a - b) ** 2 for a, b in zip(z, e, strict=True)) for e in book.codes.tolist()
            ]
            chosen = far.index(min(far))
            assert coded.ids[i, g] == chosen
            torch.testing.assert_close(coded.vectors[i, 4 * g : 4 * g + 4], book.codes[chosen])
            to_codes.append(far[chosen] / 4)
            to_vectors.append(far[chosen] / 4)
    expected = np.mean(to_codes) + 0.25 * np.mean(to_vectors)
    assert coded.loss.item() == pytest.approx(expected, rel=1e-9)


def test_kmeans_codebook_passes_the_gradient_straight_through(rng):
    torch.manual_seed(0)
    book = KMeansCodebook(inputs=6, dim=8, groups=2, entries=5)
    vectors = torch.randn(4, 6, generator=rng)
    weight = torch.randn(4, 8, generator=rng)
    (book(vectors).vectors * weight).sum().backward()
    assert book.codes.grad is None or not book.codes.grad.any()
    through = book.project.weight.grad.clone()
    book.zero_grad()
    (book.norm(book.project(vectors)) * weight).sum().backward()
    torch.testing.assert_close(through, book.project.weight.grad)


@pytest.mark.parametrize("kind", [GumbelCodebook, KMeansCodebook])
def test_ids_are_those_of_the_coded_vectors(kind, rng):
    torch.manual_seed(0)
    book = kind(inputs=6, dim=8, groups=2, entries=5)
    vectors = torch.randn(12, 6, generator=rng)
    coded = book(vectors, **book.draw(12, rng=rng))
    assert torch.equal(book.ids(vectors), coded.ids)


def test_perplexity_counts_the_entries_in_use():
    """1 for one entry, V for all alike, and in between exp of the entropy."""
    one = torch.eye(4)[torch.zeros(8, dtype=torch.int64)][:, None]
    alike = torch.eye(4)[torch.arange(8) % 4][:, None]
    torch.testing.assert_close(perplexity(one), torch.tensor([1.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(perplexity(alike), torch.tensor([4.0]), atol=1e-4, rtol=0)
    shares = torch.tensor([0.5, 0.3, 0.2])
    expected = math.exp(-sum(m * math.log(m) for m in (0.5, 0.3, 0.2)))
    found = perplexity(shares.expand(6, 2, -1))
    torch.testing.assert_close(found, torch.tensor([expected] * 2), atol=1e-4, rtol=0)


def test_a_collapsed_codebook_is_told_with_what_to_change():
    assert collapse_reason(2.0) is None
    assert "--pretext.entries" in (collapse_reason(1.3) or "")
