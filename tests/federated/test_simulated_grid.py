"""Simulated clients in forked processes: their replies, errors, crashes, and late replies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from support.federated_grid import TINY
from support.waiting import wait_for

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.simulated_grid import FIRST_NODE_ID, App, SimulatedGrid

Grids = Callable[..., SimulatedGrid]


@pytest.fixture
def grid() -> Iterator[Grids]:
    """Make grids of four clients, which end with the test."""
    made: list[SimulatedGrid] = []

    def make(app: App, workers: int = 2) -> SimulatedGrid:
        made.append(SimulatedGrid(FederatedConfig(**TINY), workers, app))
        return made[-1]

    yield make
    for one in made:
        one.close()


def message(client: int, **values: str) -> Message:
    content = RecordDict({"config": ConfigRecord(dict(values))})
    return Message(content, dst_node_id=FIRST_NODE_ID + client, message_type="train")


def reply(received: Message, **values: int | str) -> Message:
    return Message(RecordDict({"config": ConfigRecord(dict(values))}), reply_to=received)


def sent_back(found: Message) -> dict[str, object]:
    return dict(found.content.config_records["config"])


def test_clients_keep_their_state_whichever_process_computes(grid):
    def count(received: Message, context: Context) -> Message:
        before = context.state.config_records.get("seen", ConfigRecord({"times": 0}))
        times = int(str(before["times"])) + 1
        context.state["seen"] = ConfigRecord({"times": times})
        number = int(str(context.node_config["partition-id"]))
        return reply(received, times=times, client=number, pid=os.getpid())

    clients = grid(count)
    assert clients.get_node_ids() == [FIRST_NODE_ID + number for number in range(4)]
    clients.send_and_receive([message(0), message(2)])
    found = clients.send_and_receive(message(number) for number in range(4))
    by_node = {one.metadata.src_node_id - FIRST_NODE_ID: sent_back(one) for one in found}
    assert [(by_node[n]["client"], by_node[n]["times"]) for n in range(4)] == [
        (0, 2),
        (1, 1),
        (2, 2),
        (3, 1),
    ]
    assert os.getpid() not in {one["pid"] for one in by_node.values()}


def test_errors_and_crashes_are_replies(grid, capfd):
    def fail(received: Message, context: Context) -> Message:
        kind = dict(received.content.config_records["config"])["kind"]
        if kind == "error":
            raise ValueError("no recordings")
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        return reply(received)

    clients = grid(fail, workers=1)
    kinds = ["error", "crash", "fine"]
    found = clients.send_and_receive(message(n, kind=kind) for n, kind in enumerate(kinds))
    assert [one.has_error() for one in found] == [True, True, False]
    assert found[0].error.reason == "ValueError: no recordings"
    assert found[1].error.reason == "the process of the client has died"
    assert [one.metadata.src_node_id for one in found] == [FIRST_NODE_ID + n for n in range(3)]
    assert "Traceback" in capfd.readouterr().err


def test_late_reply_is_dropped_and_what_waits_is_never_handled(grid, tmp_path):
    def late(received: Message, context: Context) -> Message:
        word = str(dict(received.content.config_records["config"])["word"])
        (tmp_path / word).touch()
        while word == "first" and not (tmp_path / "go").exists():
            time.sleep(0.01)
        return reply(received, word=word)

    clients = grid(late, workers=1)
    asked = [message(0, word="first"), message(1, word="second")]
    assert clients.send_and_receive(asked, timeout=0.2) == []
    wait_for((tmp_path / "first").exists)
    (tmp_path / "go").touch()
    found = clients.send_and_receive([message(2, word="third")])
    assert [sent_back(one) for one in found] == [{"word": "third"}]
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["first", "go", "third"]


def test_workers_end_with_the_grid(grid):
    clients = grid(lambda received, context: reply(received, pid=os.getpid()))
    found = clients.send_and_receive([message(0), message(1)])
    pids = {int(str(sent_back(one)["pid"])) for one in found}
    clients.close()
    for pid in pids:
        assert os.waitpid(pid, 0) == (pid, 0)
