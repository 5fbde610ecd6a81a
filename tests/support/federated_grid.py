"""Clients in this process: messages are serialized as on the wire, and can be inspected."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Context, Error, Message, RecordDict
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as Proto
from flwr.supercore.task_identity import TaskIdentity

from tiny_audio_ssl.federated.client_app import app
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.run_files import CLIENTS
from tiny_audio_ssl.federated.server_loop import Federation
from tiny_audio_ssl.models import checkpoint

# Flower's processes set it for their app; messages can't be made without.
TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1

TINY: dict[str, Any] = {
    "source": "builtin:4",
    "server_data": "builtin:2",
    "width": 0.25,
    "clients": 4,
    "rounds": 2,
    "local_steps": 2,
    "batch_size": 4,
    "pretext": '{"slice_ms": 475}',
}
ONE_ROUND: dict[str, Any] = {"rounds": 1, "evaluate_every": 0}
FIRST_NODE_ID = 100


class LoopGrid:
    """A grid of simulated clients; `meddle` may change a client's reply, or drop it (None)."""

    def __init__(
        self,
        config: FederatedConfig,
        node_configs: list[dict[str, Any]] | None = None,
        meddle: Callable[[Message, Message], Message | None] | None = None,
    ) -> None:
        configs = node_configs or [
            {"partition-id": i, "num-partitions": config.clients} for i in range(config.clients)
        ]
        self.contexts = {
            FIRST_NODE_ID + i: Context(
                run_id=1,
                node_id=FIRST_NODE_ID + i,
                node_config=own,
                state=RecordDict(),
                run_config=config.run_config(),
            )
            for i, own in enumerate(configs)
        }
        self.meddle = meddle
        self.wire: list[bytes] = []

    def get_node_ids(self) -> list[int]:
        return list(self.contexts)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        replies = (self._answer(message) for message in messages)
        return [reply for reply in replies if reply is not None]

    def messages(self) -> list[Message]:
        """Return all messages that went over the wire, in both directions."""
        return [message_from_proto(Proto.FromString(blob)) for blob in self.wire]

    def _answer(self, sent: Message) -> Message | None:
        message = self._over_the_wire(sent)
        try:
            reply = self._reply(message)
        except Exception as error:
            reply = Message(Error(code=0, reason=f"{type(error).__name__}: {error}"), reply_to=sent)
        if self.meddle:
            changed = self.meddle(sent, reply)
            if changed is None:
                return None
            reply = changed
        return self._over_the_wire(reply)

    def _reply(self, message: Message) -> Message:
        return app(message, self.contexts[message.metadata.dst_node_id])

    def _over_the_wire(self, message: Message) -> Message:
        proto = message_to_proto(copy.deepcopy(message))
        self.wire.append(proto.SerializeToString())
        return message_from_proto(proto)


def federate(
    out: Path,
    meddle: Any = None,
    node_configs: list[dict[str, Any]] | None = None,
    log: Callable[[str], None] = lambda line: None,
    **settings: Any,
) -> tuple[Federation, LoopGrid]:
    """Run all rounds in this process; takes less than a second."""
    config = FederatedConfig(out=str(out), **{**TINY, **settings})
    grid = LoopGrid(config, node_configs, meddle)
    return federate_on(grid, config, log), grid


def federate_on(
    grid: LoopGrid, config: FederatedConfig, log: Callable[[str], None] = lambda line: None
) -> Federation:
    """Run all rounds on a grid."""
    context = Context(
        run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config=config.run_config()
    )
    federation = Federation(config, grid, context, log=log)
    federation.run()
    return federation


def records(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Return the lines of one of a run's logs."""
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def left_out(run: Path) -> dict[int, str]:
    """Return the reasons why clients were left out of a round, by client index."""
    return {one["client"]: one["left_out"] for one in records(run, CLIENTS) if "left_out" in one}


def saved_weights(run: Path) -> bytes:
    """Return the model file of a run's last checkpoint."""
    return (checkpoint.locate(run) / checkpoint.MODEL).read_bytes()


def made_update(seed: int = 0, size: int = 10_000) -> np.ndarray:
    """Return an update whose layers differ in size by up to four orders of magnitude."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=size) * np.geomspace(1e-4, 1, size)).astype(np.float32)
