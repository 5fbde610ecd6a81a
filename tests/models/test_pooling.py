"""Attentive statistics against a literal transcription, and where its weights go."""

from __future__ import annotations

import numpy as np
import torch

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.pooling import LEAST_VARIANCE, AttentivePooling


def test_weighted_statistics_are_the_papers(rng):
    """Okabe, Koshinaka, Shinoda 2018, arXiv 1803.10963, equations 3 to 6, by loops in float64."""
    torch.manual_seed(0)
    pooling = AttentivePooling(6)
    maps = torch.randn(2, 3, 2, 5, generator=rng)
    w, b, v = (p.detach().double().numpy() for p in pooling.parameters())
    expected = []
    for clip in maps.double().numpy():
        columns = [clip[:, :, t].flatten() for t in range(5)]
        scores = [float(v[0] @ np.tanh(w @ h + b)) for h in columns]
        total = sum(np.exp(e) for e in scores)
        weights = [np.exp(e) / total for e in scores]
        mean = sum(a * h for a, h in zip(weights, columns, strict=True))
        square = sum(a * h * h for a, h in zip(weights, columns, strict=True))
        expected.append(np.concatenate([mean, np.sqrt(square - mean * mean)]))
    found = pooling(maps).detach().double().numpy()
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(pooling.weights(maps).sum(dim=1), torch.ones(2))


def test_a_column_alone_has_no_deviation_and_finite_gradients(rng):
    pooling = AttentivePooling(6)
    maps = torch.randn(2, 3, 2, 1, generator=rng, requires_grad=True)
    pooled = pooling(maps)
    torch.testing.assert_close(pooled[:, :6], maps.flatten(1))
    assert (pooled[:, 6:] == LEAST_VARIANCE**0.5).all()
    pooled.sum().backward()
    assert maps.grad is not None and maps.grad.isfinite().all()


def test_weights_learn_to_find_an_event():
    """The kind of a tone in noise is asked for; what column it is in, is drawn."""
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25, pooling="attention"), 64)
    head = torch.nn.Linear(encoder.feature_dim, 2)
    adam = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 3e-3)
    for _ in range(40):
        logmel, kind, place = _events(16)
        loss = torch.nn.functional.cross_entropy(head(encoder(logmel)), kind)
        adam.zero_grad()
        loss.backward()
        adam.step()
    logmel, _, place = _events(32)
    with torch.no_grad():
        weights = encoder.eval().attention.weights(encoder.maps(logmel)[1])  # [32, 5]
    assert weights[torch.arange(32), place].mean() > 0.5  # chance: 0.2


def _events(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-mels of noise with a tone in 32 of 160 frames, low or high, and the column it is in."""
    logmel = 0.3 * torch.randn(count, 1, 64, 160)
    kind, place = torch.randint(2, (count,)), torch.randint(5, (count,))
    for row, k, p in zip(logmel, kind.tolist(), place.tolist(), strict=True):
        row[0, 12 + 32 * k : 20 + 32 * k, 32 * p : 32 * p + 32] += 3
    return logmel, kind, place
