"""Invalid, missing and false replies are refused, and the round goes on without them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord
from support.federated_grid import (
    FIRST_NODE_ID,
    ONE_ROUND,
    federate,
    left_out,
    records,
    saved_weights,
)

from tiny_audio_ssl.models import checkpoint


def _change(reply: Message, **changes: Any) -> None:
    content = reply.content
    if "update" in changes:
        content["arrays"] = ArrayRecord({"update": Array(changes["update"])})
    if "metrics" in changes:
        content["metrics"] = MetricRecord(
            {**content.metric_records["metrics"], **changes["metrics"]}
        )


def test_invalid_replies_are_refused_with_their_reason(tmp_path):
    size = 0

    def meddle(sent: Message, reply: Message) -> Message | None:
        nonlocal size
        update = reply.content.array_records["arrays"]["update"].numpy().copy()
        size = len(update)
        match reply.metadata.src_node_id - FIRST_NODE_ID:
            case 0:
                update[7] = np.nan
                _change(reply, update=update)
            case 1:
                _change(reply, update=update[:-1])
            case 2:
                _change(reply, update=1000 * update)
            case 3:
                _change(reply, metrics={"round": 0})
            case 4:
                _change(reply, metrics={"num-examples": -5})
            case 5:
                return None
            case 6:
                _change(reply, update=update.astype(np.float64))
            case 7:
                reply.content["audio"] = ArrayRecord({"x": Array(update)})
            case 8:
                _change(reply, metrics={"num-examples": 10**9})
        return reply

    settings = {"clients": 12, "source": "builtin:12", "local_steps": 1}
    federation, _ = federate(tmp_path / "run", meddle, **{**ONE_ROUND, **settings})
    reasons = left_out(tmp_path / "run")
    assert sorted(reasons) == list(range(8))
    for client, reason in {
        0: "1 numbers that are not finite",
        1: rf"\({size - 1},\); expected float32 \({size},\)",
        2: "update of norm",
        3: "answered for round 0, not 1",
        4: "no recordings",
        5: "no answer within 600 s",
        6: "float64",
        7: "sent arrays, metrics, audio",
    }.items():
        assert re.search(reason, reasons[client]), reasons[client]
    assert records(tmp_path / "run")[0]["clients/accepted"] == 4
    assert np.isfinite(federation.model.weights).all()


def test_too_few_replies_leave_the_weights(tmp_path):
    federate(tmp_path / "run", lambda sent, reply: None, min_clients=2, rounds=2)
    assert (
        saved_weights(tmp_path / "run")
        == (tmp_path / "run" / "checkpoints" / "step-00000001" / checkpoint.MODEL).read_bytes()
    )
    assert [r["clients/left_out"] for r in records(tmp_path / "run")] == [4, 4]
