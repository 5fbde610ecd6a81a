"""Codebooks that are learned with a task: each vector is replaced by an entry.

`GumbelCodebook` and `KMeansCodebook` are product codebooks: a vector is described by one entry in
each of several groups. With one group, training soon uses a handful of entries (arXiv 1910.05453,
section 3.3). `DistanceCodebook` has one group.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.pretext.configs.codebooks import CodebookConfig
from tiny_audio_ssl.pretext.parts.kmeans import squared_distances

FEWEST_CODES = 2.0  # hard perplexity below which a codebook carries no information


class Coded(NamedTuple):
    """The entries of a codebook for n vectors."""

    vectors: Tensor  # [n, dim], with a gradient past the choice (straight-through)
    ids: Tensor  # int64 [n, groups]
    loss: Tensor  # scalar: the codebook's own part of the loss, weighted
    soft_perplexity: Tensor  # [groups], of the mean probabilities; has a gradient for Gumbel
    hard_perplexity: Tensor  # [groups], of how often each entry is chosen

    def logged(self) -> dict[str, Tensor]:
        """Return the lower perplexity of the groups, soft and hard, to log."""
        return {
            "soft_perplexity": self.soft_perplexity.min().detach(),
            "hard_perplexity": self.hard_perplexity.min(),
        }


class GumbelCodebook(nn.Module):
    """Entries chosen by logits, with the Gumbel softmax in training (arXiv 1910.05453, eq. 1).

    p_gv = softmax_v((l_gv - log(-log u_gv)) / tau), u uniform; the output is the entry with the
    largest p, and its gradient that of sum_v p_gv e_v. One layer makes the logits, and the groups
    share their entries, as they can in fairseq. The perplexities are of the logits alone, without
    noise and temperature (arXiv 2006.11477, section 3.2).

    loss = diversity (G V - the sum of the groups' soft perplexities) / (G V), as in fairseq;
    equation 4 of arXiv 2006.11477 has the entropies in their place.
    """

    tau: Tensor

    def __init__(
        self,
        inputs: int,
        dim: int,
        groups: int,
        entries: int,
        tau: tuple[float, float] = (2.0, 0.5),
        diversity: float = 0.0,
    ) -> None:
        """Build it.

        Args:
            inputs, dim: sizes of the vectors that go in and come out.
            tau: temperature at the beginning and at the end of training.
            diversity: weight of the loss.
        """
        super().__init__()
        self.groups, self.entries = groups, entries
        self.tau_start, self.tau_end, self.diversity = *tau, diversity
        size = groups * entries
        self.logits = nn.Linear(inputs, size)
        self.codes = nn.Parameter(torch.rand(entries, dim // groups))
        self.register_buffer("tau", torch.tensor(self.tau_start))
        nn.init.normal_(self.logits.weight)  # as fairseq does; with less, the noise alone chooses
        nn.init.zeros_(self.logits.bias)

    def draw(self, *shape: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw -log(-log u) for vectors [*shape, inputs]: {"noise": [*shape, groups, entries]}."""
        uniform = torch.rand(*shape, self.groups, self.entries, generator=rng)
        smallest = torch.finfo(uniform.dtype).tiny
        return {"noise": -(-uniform.clamp_min(smallest).log()).log()}

    def forward(self, vectors: Tensor, noise: Tensor | None = None) -> Coded:
        """vectors [n, inputs], noise [..., groups, entries] for as many"""
        assert noise is not None
        noise = noise.reshape(-1, self.groups, self.entries)
        logits = self.logits(vectors).reshape(-1, self.groups, self.entries)
        soft = F.softmax((logits + noise) / self.tau, dim=2)
        hard = F.one_hot(soft.argmax(dim=2), self.entries).to(soft.dtype)
        found = (hard - soft.detach() + soft) @ self.codes  # [n, groups, dim / groups]
        ids = logits.argmax(dim=2)
        used = perplexity(F.softmax(logits, dim=2))
        size = self.groups * self.entries
        return Coded(
            found.flatten(1),
            ids,
            self.diversity * (size - used.sum()) / size,
            used,
            perplexity(F.one_hot(ids, self.entries).to(logits.dtype)),
        )

    def ids(self, vectors: Tensor) -> Tensor:
        """[n, inputs] -> the entry of largest logit in each group, int64 [n, groups]."""
        logits: Tensor = self.logits(vectors)
        return logits.reshape(-1, self.groups, self.entries).argmax(dim=2)

    def anneal(self, share: float) -> None:
        """Set tau after this share of the training, 0..1: it falls exponentially."""
        self.tau.fill_(self.tau_start * (self.tau_end / self.tau_start) ** share)


class KMeansCodebook(nn.Module):
    """The nearest entry of each group, learned (arXiv 1910.05453, equation 3).

    loss = mean |sg(z) - e|^2 + gamma mean |z - sg(e)|^2, where sg stops the gradient: the first
    term moves entries to vectors, the second vectors to entries. As in fairseq, z is a projection
    of each group, normalized.
    """

    def __init__(
        self, inputs: int, dim: int, groups: int, entries: int, gamma: float = 0.25
    ) -> None:
        """`inputs`, `dim`: sizes of the vectors that go in and come out."""
        super().__init__()
        self.groups, self.entries, self.gamma = groups, entries, gamma
        self.project = nn.Linear(inputs, dim)
        self.norm = nn.GroupNorm(groups, dim)
        self.codes = nn.Parameter(0.01 * torch.randn(entries, dim // groups))

    def draw(self, *shape: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return nothing: the nearest entry is not drawn."""
        return {}

    def forward(self, vectors: Tensor, noise: Tensor | None = None) -> Coded:
        """vectors [n, inputs]; `noise` is for `GumbelCodebook` only"""
        wanted = self._projected(vectors)
        distances = squared_distances(wanted, self.codes)
        ids = distances.argmin(dim=2)
        codes = self.codes[ids]
        loss = F.mse_loss(codes, wanted.detach()) + self.gamma * F.mse_loss(wanted, codes.detach())
        return Coded(
            (wanted + (codes - wanted).detach()).flatten(1),
            ids,
            loss,
            perplexity(F.softmax(-distances.detach(), dim=2)),
            perplexity(F.one_hot(ids, self.entries).to(wanted.dtype)),
        )

    def ids(self, vectors: Tensor) -> Tensor:
        """[n, inputs] -> the nearest entry in each group, int64 [n, groups]."""
        return squared_distances(self._projected(vectors), self.codes).argmin(dim=2)

    def anneal(self, share: float) -> None:
        """Change nothing: there is no temperature."""

    def _projected(self, vectors: Tensor) -> Tensor:
        projected: Tensor = self.norm(self.project(vectors))
        return projected.reshape(len(projected), self.groups, -1)


class DistanceCodebook(nn.Module):
    """Entries chosen by softmax_v(-|h - e_v|), hard, with its gradient (arXiv 1910.12729, eq. 1).

    loss = commitment mean |h - sg(e)|^2, which keeps vectors near to their entries.
    """

    def __init__(self, dim: int, entries: int, commitment: float = 0.25) -> None:
        super().__init__()
        self.entries, self.commitment = entries, commitment
        self.codes = nn.Parameter(torch.randn(entries, dim))

    def forward(self, vectors: Tensor) -> Coded:
        """vectors [n, dim]"""
        soft = F.softmax(-squared_distances(vectors, self.codes).clamp_min(1e-6).sqrt(), dim=1)
        ids = soft.argmax(dim=1)
        hard = F.one_hot(ids, self.entries).to(soft.dtype)
        loss = self.commitment * F.mse_loss(vectors, self.codes[ids].detach())
        return Coded(
            (hard - soft.detach() + soft) @ self.codes,
            ids[:, None],
            loss,
            perplexity(soft[:, None]),
            perplexity(hard[:, None]),
        )

    def ids(self, vectors: Tensor) -> Tensor:
        """[n, dim] -> the nearest entry, int64 [n, 1]."""
        return squared_distances(vectors, self.codes).argmin(dim=1, keepdim=True)


Codebook = GumbelCodebook | KMeansCodebook | DistanceCodebook


def build_codebook(config: CodebookConfig, size: int) -> GumbelCodebook | KMeansCodebook:
    """Return the codebook that the settings describe, for vectors of `size` numbers."""
    if config.codebook == "kmeans":
        return KMeansCodebook(size, size, config.groups, config.entries, config.commitment)
    tau = (config.tau_start, config.tau_end)
    return GumbelCodebook(size, size, config.groups, config.entries, tau, config.diversity)


def perplexity(shares: Tensor) -> Tensor:
    """[n, groups, entries], each row a distribution -> exp of the entropy of their mean [groups].

    Between 1, if all rows choose one entry, and the number of entries, if all are used equally.
    """
    mean = shares.mean(dim=0)
    return torch.exp(-(mean * (mean + 1e-7).log()).sum(dim=-1))


def collapse_reason(hard_perplexity: float) -> str | None:
    """Return why training with such a codebook is useless and what to change, or None."""
    if hard_perplexity >= FEWEST_CODES:
        return None
    return (
        f"the codebook has collapsed: all sounds get the same entry (hard perplexity "
        f"{hard_perplexity:.2f}, expected {FEWEST_CODES:g} or more). Try a smaller "
        "--learning-rate, a longer --warmup-steps, another number of --pretext.entries, or "
        "recordings that differ more"
    )
