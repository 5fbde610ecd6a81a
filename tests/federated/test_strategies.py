"""Strategies: the step that a round's updates lead to."""

from __future__ import annotations

import numpy as np
import pytest
from support.federated_grid import made_update

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.reply_validation import AcceptedReply
from tiny_audio_ssl.federated.strategies import Aggregation


def mean_step(strategy: str, updates: list[np.ndarray]) -> np.ndarray:
    config = FederatedConfig(strategy=strategy, trim=0.25)
    accepted = [AcceptedReply(node, each, 1, {}) for node, each in enumerate(updates)]
    weights = made_update(9)
    return Aggregation(config).new_weights(1, weights, accepted) - weights


@pytest.mark.parametrize("strategy", ["trimmed-mean", "median", "krum"])
def test_robust_strategies_withstand_a_false_update(strategy):
    """The false update is larger than the others, but not so large that it is refused."""
    honest = [made_update() + 0.5 * made_update(seed) for seed in range(1, 5)]
    with_false = [-5 * honest[0], *honest[1:]]

    def cosine(strategy: str) -> float:
        one, other = mean_step(strategy, honest), mean_step(strategy, with_false)
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    assert cosine(strategy) > 0.5 > 0 > cosine("fedavg")
