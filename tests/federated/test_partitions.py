"""The division of a corpus among simulated clients."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.partitions import partition


def clips(count: int = 120) -> list[Clip]:
    columns = [{"group": f"g{i % 12}", "label": f"l{i % 4}"} for i in range(count)]
    return [Clip(Path(f"{i}.wav"), columns=columns[i]) for i in range(count)]


@pytest.mark.parametrize("kind", ["group", "dirichlet", "iid"])
def test_every_clip_belongs_to_one_client(kind):
    config = FederatedConfig(partition=kind, clients=7, alpha=0.1)
    found = partition(clips(), config)
    assert sorted(i for part in found for i in part) == list(range(120))
    assert len(found) == 7 and all(found)
    assert partition(clips(), config) == found


def test_groups_stay_together():
    found = partition(clips(), FederatedConfig(partition="group", clients=5))
    corpus = clips()
    groups = [{corpus[i].columns["group"] for i in part} for part in found]
    assert sum(map(len, groups)) == 12
    assert {len(part) for part in found} == {20, 30}


def test_alpha_decides_how_uneven_labels_are():
    corpus = clips(400)

    def largest_share(alpha: float) -> float:
        config = FederatedConfig(partition="dirichlet", clients=4, alpha=alpha)
        counts = [Counter(corpus[i].columns["label"] for i in p) for p in partition(corpus, config)]
        return float(np.mean([max(c.values()) / c.total() for c in counts]))

    assert largest_share(0.1) > 0.5 > 0.35 > largest_share(1000)


def test_too_few_groups_for_the_clients():
    with pytest.raises(UserError, match="12 groups for 20"):
        partition(clips(), FederatedConfig(partition="group", clients=20))
    with pytest.raises(UserError, match=r"no column 'speaker'.*group, label"):
        partition(clips(), FederatedConfig(partition="group", group_column="speaker"))
