"""Contrastive losses: pairs that belong together against the other clips of the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def info_nce(scores: Tensor) -> Tensor:
    """Return the mean of -log softmax(scores[i])[i] over the rows i.

    `scores` [B, B] of any real values: row i holds the scores of one anchor against all candidates,
    of which candidate i is the right one. van den Oord, Li, Vinyals 2018, arXiv 1807.03748,
    equation 4.
    """
    return F.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def accuracy(scores: Tensor) -> Tensor:
    """Return the share of the rows i of `scores` [B, B] whose largest score is in column i."""
    right = torch.arange(len(scores), device=scores.device)
    return (scores.argmax(dim=1) == right).float().mean()


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """Return the cosine of each row of `first` [A, D] with each row of `second` [B, D]: [A, B]."""
    return F.normalize(first, dim=1) @ F.normalize(second, dim=1).T


def nt_xent(views: Tensor, temperature: float) -> Tensor:
    """Return the normalized, temperature-scaled cross-entropy of SimCLR.

    `views` [2B, D]: row i and row i + B are two views of clip i. For each of the 2B rows, the loss
    is -log(exp(cos(z_i, z_i') / temperature) / sum over j != i of exp(cos(z_i, z_j) /
    temperature)), where i' is the other view of i. Chen, Kornblith, Norouzi, Hinton 2020, arXiv
    2002.05709, equation 1.
    """
    first, second = torch.arange(len(views), device=views.device).chunk(2)
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    scores = (cosines(views, views) / temperature).masked_fill(itself, -torch.inf)
    return F.cross_entropy(scores, torch.cat([second, first]))


def pair_bce(positive: Tensor, negative: Tensor) -> Tensor:
    """Return -mean log sigmoid(positive) - mean log(1 - sigmoid(negative)), of scores [n].

    Ravanelli, Bengio 2018, arXiv 1812.00271: a discriminator tells pairs that belong together from
    pairs that do not.
    """
    of_positive = F.binary_cross_entropy_with_logits(positive, torch.ones_like(positive))
    return of_positive + F.binary_cross_entropy_with_logits(negative, torch.zeros_like(negative))
