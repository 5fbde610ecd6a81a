"""SecAgg+: the mean is right, single updates are hidden, and dropouts are survived."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Message
from support.federated_grid import ONE_ROUND, LoopGrid, federate, left_out, records

from tiny_audio_ssl.federated.server_loop import Federation
from tiny_audio_ssl.models import checkpoint


@pytest.fixture(scope="module")
def plain_and_secure(tmp_path_factory) -> list[tuple[Federation, LoopGrid]]:
    folder = tmp_path_factory.mktemp("secure")
    return [
        federate(folder / str(secure), secure_aggregation=secure, **ONE_ROUND)
        for secure in (False, True)
    ]


def test_secure_aggregation_gives_the_plain_mean(plain_and_secure):
    plain, secure = (federation.model.weights for federation, _ in plain_and_secure)
    # A step of the quantizer, 2 x range / 2^22, over a client's share of the weight.
    assert np.abs(plain - secure).max() < 2 / 2**22 * 1000 / 8
    assert not np.array_equal(plain, secure)


def test_secure_aggregation_hides_single_updates(plain_and_secure):
    (_, plain), (_, secure) = plain_and_secure
    updates = [
        m.content.array_records["arrays"]["update"].numpy() for m in _messages(plain, "update")
    ]
    assert len(updates) == 4
    for update in updates:
        assert update[:64].tobytes() in b"".join(plain.wire)
        assert update[:64].tobytes() not in b"".join(secure.wire)


def _messages(grid: LoopGrid, name: str) -> list[Message]:
    return [m for m in grid.messages() if any(name in r for r in m.content.array_records.values())]


@pytest.mark.parametrize(("dead", "survives"), [((101,), True), ((101, 102), False)])
def test_secure_aggregation_survives_dropouts_up_to_the_threshold(dead, survives, tmp_path):
    def die_before_sending(sent: Message, reply: Message) -> Message | None:
        collecting = "fitins.config" in sent.content.config_records
        return None if collecting and reply.metadata.src_node_id in dead else reply

    settings = {**ONE_ROUND, "secure_aggregation": True, "secagg_threshold": 0.7}
    federation, _ = federate(tmp_path / "run", die_before_sending, **settings)
    accepted = records(tmp_path / "run")[0]["clients/accepted"]
    assert accepted == (4 - len(dead) if survives else 0)
    start = checkpoint.load(tmp_path / "run" / "checkpoints" / "step-00000000").model.encoder
    pairs = zip(start.parameters(), federation.model.model.encoder.parameters(), strict=True)
    same = all(bool((before == after).all()) for before, after in pairs)
    assert same != survives
    assert np.abs(federation.model.weights).max() < 10


def test_update_beyond_the_range_is_refused_not_clipped(tmp_path):
    settings = {**ONE_ROUND, "secure_aggregation": True, "secagg_range": 1e-6}
    federate(tmp_path / "run", **settings)
    assert len(left_out(tmp_path / "run")) == 4
    assert all("beyond secagg-range 1e-06" in text for text in left_out(tmp_path / "run").values())
