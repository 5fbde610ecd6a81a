"""Attention over time: pooling with learned weights, in place of plain means and maxima."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HIDDEN = 32
LEAST_VARIANCE = 1e-6  # below, rounding decides


class AttentivePooling(nn.Module):
    """Attentive statistics pooling: mean and deviation over time, weighted by what each column
    holds.

    Okabe, Koshinaka, Shinoda 2018, arXiv 1803.10963, equations 3 to 6; the bias k of the scores is
    left out, since their softmax does not depend on it. A single column has all of the weight and
    no deviation, so that nothing is learned from inputs of one column.
    """

    def __init__(self, size: int) -> None:
        """`size`: channels times rows of the maps."""
        super().__init__()
        self.hidden = nn.Linear(size, HIDDEN)
        self.score = nn.Linear(HIDDEN, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [B, C, rows, T] -> weighted mean and deviation [B, 2 * C * rows]."""
        mean, variance, _ = self.moments(maps)
        return torch.cat([mean, deviation(variance)], dim=1)

    def weights(self, maps: Tensor) -> Tensor:
        """Maps [B, C, rows, T] -> the weight of each column, of sum 1 [B, T]."""
        return self._scores(_columns(maps)).softmax(dim=1)

    def moments(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps [B, C, rows, T] -> weighted mean and variance [B, C * rows], and scores [B, T]."""
        columns = _columns(maps)
        scores = self._scores(columns)
        mean, variance = moments(columns, scores.softmax(dim=1))
        return mean, variance, scores

    def _scores(self, columns: Tensor) -> Tensor:
        scores: Tensor = self.score(torch.tanh(self.hidden(columns)))
        return scores.flatten(1)


def moments(
    values: Tensor, weights: Tensor, variances: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return mean and variance [B, n] of values [B, T, n] with weights [B, T] of sum 1.

    `variances` [B, T, n]: within each of the values, where these are means themselves.
    """
    weights = weights.unsqueeze(2)
    mean = (values * weights).sum(dim=1)
    apart = values - mean.unsqueeze(1)
    squares = apart * apart if variances is None else apart * apart + variances
    return mean, (squares * weights).sum(dim=1)


def deviation(variance: Tensor) -> Tensor:
    return variance.clamp_min(LEAST_VARIANCE).sqrt()


def _columns(maps: Tensor) -> Tensor:
    """[B, C, rows, T] -> [B, T, C * rows]"""
    return maps.permute(0, 3, 1, 2).flatten(2)
