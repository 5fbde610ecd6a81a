"""A server app that sends one device what no device should take, and then trains three rounds.

Most devices that answer the first round die in the second. Everything that comes back is left in
the folder that the run's setting `out` names. There, `back.json` lists the nodes that answer the
second round.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    folder = Path(str(context.run_config["out"]))
    given = np.load(folder / "given.npz")
    nodes = awaited(grid, int(given["devices"]))
    model = {name: given[name] for name in ("weights", "fixed")}
    found: dict[str, Any] = {"refused": {}}
    for name, changed in odd_messages(model).items():
        kind = "evaluate" if name == "evaluation" else "train"
        (reply,) = grid.send_and_receive([asked(nodes[0], model | changed, kind)], timeout=600)
        found["refused"][name] = reply.error.reason if reply.has_error() else ""
    found["first"] = replies(grid, [asked(node, model) for node in nodes])
    taking_part = [node for node in nodes if "update" in found["first"][node]]
    second = dict(
        zip(
            taking_part,
            grid.push_messages([asked(node, model) for node in taking_part]),
            strict=True,
        )
    )
    while not (folder / "back.json").exists():  # written once all are connected again
        time.sleep(0.2)
    awaited(grid, len(nodes))
    answering = json.loads((folder / "back.json").read_text())
    found["second"] = pulled(grid, [second[node] for node in answering])
    found["third"] = replies(grid, [asked(node, model) for node in taking_part])
    (folder / "found.json").write_text(json.dumps(found))


def odd_messages(model: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return what changes a message of a round to one that is refused."""
    broken = model["weights"].copy()
    broken[-1] = np.nan
    return {
        "NaN": {"weights": broken},
        "length": {"weights": model["weights"][1:]},
        "statistics": {"fixed": model["fixed"] + 1},
        "200 MB": {"weights": np.zeros(50_000_000, np.float32)},
        "evaluation": {},
    }


def asked(node: int, arrays: dict[str, np.ndarray], kind: str = "train") -> Message:
    """Return a message that asks for the run's first round."""
    record = ArrayRecord({name: Array(values) for name, values in arrays.items()})
    config = ConfigRecord({"round": 1, "client": 0})
    content = RecordDict({"arrays": record, "config": config})
    return Message(content, dst_node_id=node, message_type=kind, group_id="1")


def replies(grid: Grid, messages: list[Message]) -> dict[int, dict[str, Any]]:
    """Ask the nodes, and return what each has answered."""
    return {
        reply.metadata.src_node_id: contents(reply)
        for reply in grid.send_and_receive(messages, timeout=600)
    }


def pulled(grid: Grid, message_ids: list[str]) -> dict[int, dict[str, Any]]:
    """Return what the nodes have answered to these messages."""
    found: dict[int, dict[str, Any]] = {}
    while len(found) < len(message_ids):
        time.sleep(0.2)
        for reply in grid.pull_messages(message_ids):
            found[reply.metadata.src_node_id] = contents(reply)
    return found


def contents(reply: Message) -> dict[str, Any]:
    """Return the update of a reply, as it was sent, or its error."""
    if reply.has_error():
        return {"error": reply.error.reason}
    arrays = reply.content["arrays"]
    return {name: arrays[name].numpy().tolist() for name in ("update", "scales")}


def awaited(grid: Grid, count: int) -> list[int]:
    """Return the nodes once so many are there."""
    while len(nodes := list(grid.get_node_ids())) != count:
        time.sleep(0.2)
    return sorted(nodes)
