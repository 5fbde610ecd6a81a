"""The division of a corpus among simulated clients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tiny_audio_ssl.data.corpus import Clip, column
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig


def partition(clips: Sequence[Clip], config: FederatedConfig) -> list[list[int]]:
    """Return the indices of each client's clips: every clip belongs to one client, and every client
    has at least one clip.

    Raises `UserError` for fewer clips or groups than clients, or a missing column.
    """
    rng = np.random.default_rng([config.seed, 2])
    if len(clips) < config.clients:
        raise UserError(f"{len(clips)} recordings for {config.clients} clients; lower --clients")
    if config.partition == "group":
        return _by_group(column(clips, config.group_column), config, rng)
    if config.partition == "dirichlet":
        return _by_label(column(clips, config.label_column), config, rng)
    return [
        sorted(part.tolist())
        for part in np.array_split(rng.permutation(len(clips)), config.clients)
    ]


def _by_group(
    groups: Sequence[str], config: FederatedConfig, rng: np.random.Generator
) -> list[list[int]]:
    """Give whole groups, the largest first, to the client that has least (ties at random)."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    if len(members) < config.clients:
        raise UserError(
            f"column {config.group_column!r} has {len(members)} groups for {config.clients} "
            "clients; lower --clients, or choose another column or --partition"
        )
    parts: list[list[int]] = [[] for _ in range(config.clients)]
    order = rng.permutation(config.clients)
    for group in sorted(members, key=lambda name: (-len(members[name]), name)):
        smallest = min(order, key=lambda client: len(parts[client]))
        parts[smallest] += members[group]
    return [sorted(part) for part in parts]


def _by_label(
    labels: Sequence[str], config: FederatedConfig, rng: np.random.Generator
) -> list[list[int]]:
    """Divide each label's clips in proportions drawn from Dirichlet(alpha): Hsu, Qi, Brown 2019,
    arXiv 1909.06335, with the roles of label and client as in Yurochkin et al., arXiv 1905.12022.
    """
    parts: list[list[int]] = [[] for _ in range(config.clients)]
    truth = np.array(labels)
    for label in np.unique(truth):
        own = rng.permutation(np.flatnonzero(truth == label))
        shares = rng.dirichlet([config.alpha] * config.clients)
        cuts = np.rint(np.cumsum(shares)[:-1] * len(own)).astype(int)
        for part, chosen in zip(parts, np.split(own, cuts), strict=True):
            part += chosen.tolist()
    for part in parts:  # a client without recordings could not take part
        if not part:
            part.append(max(parts, key=len).pop())
    return [sorted(part) for part in parts]
