"""Differential privacy: the noise, the clipping, and the epsilon that accounts for them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.federated_grid import made_update

from tiny_audio_ssl.federated import privacy
from tiny_audio_ssl.federated.config import FederatedConfig


def test_epsilon_is_that_of_the_gaussian_mechanism():
    """Mironov 2017, arXiv 1702.07476: RDP alpha T / (2 z^2); the conversion of Canonne, Kamath,
    Steinke 2020, arXiv 2004.00010, proposition 12."""
    config = FederatedConfig(privacy="central", noise_multiplier=2.0, delta=1e-6)
    for releases in (1, 10, 100):
        alphas = np.linspace(1.01, 200, 100_000)
        bound = (
            alphas * releases / (2 * 2.0**2)
            + np.log1p(-1 / alphas)
            - (math.log(1e-6) + np.log(alphas)) / (alphas - 1)
        )
        assert privacy.epsilon(config, releases) == pytest.approx(bound.min(), rel=0.01)
    assert privacy.epsilon(config, 0) == 0


def test_local_privacy_counts_twice_the_clipping_norm():
    local = FederatedConfig(privacy="local", noise_multiplier=4.0)
    central = FederatedConfig(privacy="central", noise_multiplier=2.0)
    assert privacy.epsilon(local, 7) == pytest.approx(privacy.epsilon(central, 7))


def test_one_update_moves_a_private_mean_by_at_most_the_clipping_norm():
    config = FederatedConfig(privacy="central", clipping_norm=0.5, noise_multiplier=1e-6)
    honest = [made_update(seed) for seed in range(4)]
    with_large = [*honest[:3], 1e6 * made_update(9)]
    means = [privacy.CentralPrivacy(config).mean(updates) for updates in (honest, with_large)]
    assert np.linalg.norm(means[0] - means[1]) <= 2 * 0.5 / 4 + 1e-3


@pytest.mark.parametrize("kind", ["central", "local"])
def test_noise_has_the_accounted_standard_deviation(kind):
    config = FederatedConfig(privacy=kind, clipping_norm=0.5, noise_multiplier=3.0)
    nothing = np.zeros(100_000, np.float32)
    if kind == "central":
        found, expected = privacy.CentralPrivacy(config).mean([nothing] * 5), 3 * 0.5 / 5
    else:
        found, expected = privacy.protect(nothing, config), 3 * 0.5
    assert found.std() == pytest.approx(expected, rel=0.02)
    assert not np.array_equal(found, privacy.noise(len(nothing), expected))


@pytest.mark.parametrize("start", [1e-3, 1e3])
def test_adaptive_norm_reaches_the_quantile(start):
    config = FederatedConfig(
        privacy="central-adaptive", clipping_norm=start, noise_multiplier=0.1, target_quantile=0.5
    )
    updates = [made_update(i) * (i + 1) for i in range(20)]
    central = privacy.CentralPrivacy(config)
    for _ in range(250):
        central.mean(updates)
    norms = sorted(float(np.linalg.norm(u)) for u in updates)
    assert norms[5] < central.clipping_norm < norms[14]
