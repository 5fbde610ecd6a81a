"""Confidence intervals of a median and of a ratio of medians.

Runs close in time are correlated: another program slows hundreds of them together. So whole rounds
are resampled (a cluster bootstrap). Subjects that took turns in the same rounds have the same
rounds drawn, which cancels a slowdown of both in their ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rounds = NDArray[np.float64]  # [rounds, runs in each], ms
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def median(rounds: Rounds) -> Interval:
    """Return the median of all runs, with its interval."""
    return _interval(float(np.median(rounds)), _resampled_medians(rounds))


def ratio(of: Rounds, to: Rounds) -> Interval:
    """Return the ratio of two medians. Rounds of the same number count as simultaneous."""
    value = float(np.median(of) / np.median(to))
    return _interval(value, _resampled_medians(of) / _resampled_medians(to))


def _resampled_medians(rounds: Rounds) -> NDArray[np.float64]:
    if len(rounds) == 1:  # then single runs are drawn
        rounds = rounds.T
    count = len(rounds)
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    medians: NDArray[np.float64] = np.median(rounds[drawn].reshape(RESAMPLES, -1), axis=1)
    return medians


def _interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))
