"""Differential privacy of a client's contribution, and the privacy budget spent on it.

A round of `central` releases (sum of clipped updates + N(0, (z C)^2)) / n, with clipping norm C and
noise multiplier z (McMahan et al. 2017, arXiv 1710.06963). `central-adaptive` moves C after each
round, by algorithm 1 of Andrew et al. 2019, arXiv 1905.03871. `local` adds N(0, (z C)^2) to each
clipped update on the client.

Flower's own wrappers are not used: in 1.41 the adaptive one lowers C without end when many updates
are clipped already, and draws the noise of a round by the C of the next.
The noise is never seeded: whoever knew the seed could subtract it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Vector
from tiny_audio_ssl.utils.extras import require

NORM_LEARNING_RATE = 0.2  # eta_C of arXiv 1905.03871


def clipped(update: Vector, norm: float) -> Vector:
    """Return the update, scaled down if its L2 norm is above `norm`."""
    length = float(np.linalg.norm(update))
    return update if length <= norm else update * np.float32(norm / length)


def noise(size: int, deviation: float) -> Vector:
    """Draw Gaussian noise from the system's entropy: float32 [size]."""
    drawn: Vector = np.random.default_rng().normal(0, deviation, size).astype(np.float32)
    return drawn


def protect(update: Vector, config: FederatedConfig) -> Vector:
    """Clip a client's update and add noise, if the settings require it before sending."""
    if config.privacy == "local":
        deviation = config.noise_multiplier * config.clipping_norm
        return clipped(update, config.clipping_norm) + noise(len(update), deviation)
    if config.privacy == "central" and config.secure_aggregation:
        return clipped(update, config.clipping_norm)  # the server will not see it
    return update


class CentralPrivacy:
    """The server's part: it clips, averages, adds noise, and adapts the clipping norm."""

    def __init__(self, config: FederatedConfig, clipping_norm: float | None = None) -> None:
        self.config = config
        self.clipping_norm = clipping_norm or config.clipping_norm

    def mean(self, updates: Sequence[Vector]) -> Vector:
        """Return the private mean of a round's updates, each of equal weight."""
        norm = self.clipping_norm
        total: Vector = np.stack([clipped(update, norm) for update in updates]).sum(axis=0)
        unclipped = sum(float(np.linalg.norm(update)) <= norm for update in updates)
        deviation = self._noise_multiplier(len(updates)) * norm
        if self.config.privacy == "central-adaptive":
            self._adapt_norm(unclipped, len(updates))
        mean: Vector = (total + noise(len(total), deviation)) / np.float32(len(updates))
        return mean

    def add_noise(self, mean: Vector, count: int) -> Vector:
        """Add noise to a mean of `count` updates that their clients have clipped."""
        deviation = self.config.noise_multiplier * self.clipping_norm / count
        return mean + noise(len(mean), deviation)

    def _noise_multiplier(self, count: int) -> float:
        """Return the sum's noise multiplier, after the noisy count of unclipped updates has used
        its part of the budget: theorem 1 of arXiv 1905.03871."""
        z = self.config.noise_multiplier
        if self.config.privacy != "central-adaptive":
            return z
        return float((z**-2 - (2 * self._count_deviation(count)) ** -2) ** -0.5)

    def _count_deviation(self, count: int) -> float:
        """Return the standard deviation of the noise on the count of unclipped updates: a
        twentieth of all, but enough to leave the sum its part of the budget."""
        return max(count / 20, self.config.noise_multiplier)

    def _adapt_norm(self, unclipped: int, count: int) -> None:
        noise_on_count = np.random.default_rng().normal(0, self._count_deviation(count))
        share = (unclipped + noise_on_count) / count
        self.clipping_norm *= math.exp(
            -NORM_LEARNING_RATE * (min(1.0, max(0.0, share)) - self.config.target_quantile)
        )


Spent = tuple[float, int]  # noise multiplier as the accountant takes it, and releases


def accounted_noise(privacy: str, noise_multiplier: float) -> float:
    """Return the noise multiplier for the accountant: 0 without privacy.

    Local: two possible updates of a client may differ by twice the clipping norm.
    """
    return noise_multiplier / {"none": math.inf, "local": 2}.get(privacy, 1)


def epsilon(config: FederatedConfig, releases: int, before: Sequence[Spent] = ()) -> float:
    """Return the epsilon spent by `releases` releases, by Renyi accounting, for `config.delta`.

    Releases are counted by `PrivacyLedger`. Central: all rounds, for a client whose update is
    present or zero in each, as the draw of clients is not secret (it follows from the seed). Local:
    the updates that one client was asked for, whatever its recordings.

    `before`: what `spent_by_start` returns. Infinite if updates without noise are among it.
    """
    now = (accounted_noise(config.privacy, config.noise_multiplier), releases)
    spent = [(noise, count) for noise, count in (*before, now) if count]
    if not spent:
        return 0.0
    if not all(noise for noise, _ in spent):
        return math.inf
    accountant = require("opacus.accountants", "federated").RDPAccountant()
    accountant.history = [(noise, 1.0, count) for noise, count in spent]
    return float(accountant.get_epsilon(delta=config.delta))
