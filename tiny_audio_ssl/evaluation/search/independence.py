"""Conditional independence of sound and pseudo-labels, given the classes of a task.

Zaiem, Parcollet, Essid, Heba 2021, arXiv 2107.00594: the less a pseudo-label Z depends on the sound
X once the class Y of a task is known, the more useful it is for pre-training for that task. The
dependence is measured by the Hilbert-Schmidt independence criterion (HSIC) within each class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

STEPS = 300  # of the search for weights
LEARNING_RATE = 0.05
SMALLEST = 1e-12  # squared distance by which another is divided


def squared_distances(features: Tensor) -> Tensor:
    """[n, d] -> squared distances of all pairs, over their median: [n, n].

    Each number is standardized first. exp(-d / 2) is then a Gaussian kernel whose bandwidth is the
    median distance.
    """
    deviation = features.std(dim=0, correction=0)
    kept = features[:, deviation > 0]
    standard = (kept - kept.mean(dim=0)) / deviation[deviation > 0]
    distances = torch.cdist(standard, standard).square()
    first, second = torch.triu_indices(len(features), len(features), offset=1)
    return distances / distances[first, second].median().clamp_min(SMALLEST)


def hsic(kernel: Tensor, other: Tensor) -> Tensor:
    """Return tr(K H L H) / n^2 of two kernel matrices [n, n], with H = I - 1 1' / n."""
    centered = kernel - kernel.mean(dim=0, keepdim=True)
    centered = centered - centered.mean(dim=1, keepdim=True)
    return (centered * other).sum() / len(kernel) ** 2


def within(distances: Tensor, classes: Sequence[Tensor]) -> list[Tensor]:
    """Return the part of distances [..., n, n] that is of each class; `classes`: int64 indices."""
    return [distances[..., own, :][..., own] for own in classes]


def conditional_hsic(sound: Sequence[Tensor], label: Sequence[Tensor]) -> Tensor:
    """Return the mean HSIC over the classes; a lower value means a more useful pseudo-label.

    Both hold the squared distances within each class [n, n], by `squared_distances`.
    """
    kernels = (((-x / 2).exp(), (-z / 2).exp()) for x, z in zip(sound, label, strict=True))
    return torch.stack([hsic(x, z) for x, z in kernels]).mean()


def best_weights(
    sound: Sequence[Tensor], labels: Mapping[str, Sequence[Tensor]]
) -> dict[str, float]:
    """Return the weights, of sum 1, whose weighted pseudo-labels side by side have the lowest HSIC.

    The weights are the sparsemax of free parameters, found by gradient descent; labels with weight
    0 are left out. Weighted by w, labels have the squared distance sum w_i^2 d_i.
    """
    parts = [torch.stack(list(of_class)) for of_class in zip(*labels.values(), strict=True)]
    free = torch.zeros(len(labels), requires_grad=True)
    optimizer = torch.optim.Adam([free], lr=LEARNING_RATE)
    for _ in range(STEPS):
        squares = sparsemax(free).square()
        together = [torch.tensordot(squares, part, dims=1) for part in parts]
        optimizer.zero_grad()
        conditional_hsic(sound, together).backward()  # type: ignore[no-untyped-call]  # PyTorch lacks types
        optimizer.step()
    found = sparsemax(free.detach()).tolist()
    return {name: weight for name, weight in zip(labels, found, strict=True) if weight > 0}


def sparsemax(values: Tensor) -> Tensor:
    """Return the point of the probability simplex that is nearest to `values` [n].

    Martins, Astudillo 2016, arXiv 1602.02068, algorithm 1.
    """
    ranked = values.sort(descending=True).values
    number = torch.arange(1, len(values) + 1, dtype=values.dtype)
    support = (1 + number * ranked > ranked.cumsum(0)).sum()
    threshold = (ranked[:support].sum() - 1) / support
    return (values - threshold).clamp_min(0)
