"""The device's Fleet client against a real SuperLink with TLS and node keys."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.waiting import wait_for

pytest.importorskip("flwr")

from tiny_audio_ssl.federated import processes
from tiny_audio_ssl.federated.credentials import server_credentials
from tiny_audio_ssl.federated.loopback import deployment
from tiny_audio_ssl.federated.processes import HOST, log_tail

TOOL = "org.tinyaudiossl.federated.ToolKt"
PROJECT = """
[project]
name = "echo"
version = "1.0.0"
dependencies = []
[tool.flwr.app]
publisher = "tests"
fab-include = ["*.py"]
[tool.flwr.app.components]
serverapp = "server_app:app"
clientapp = "client_app:app"
[tool.flwr.app.config]
out = ""
rounds = 7
"""
SERVER = '''
"""Asks the node twice, and notes what it answers."""
import json
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()


@app.main()
def main(grid, context):
    while not (nodes := list(grid.get_node_ids())):
        time.sleep(0.2)
    numbers = np.random.default_rng(0).normal(size=1_500_000).astype(np.float32)  # two pieces
    arrays = ArrayRecord({"weights": Array(numbers)})
    content = RecordDict({"arrays": arrays, "config": ConfigRecord({"round": 1, "client": 0})})
    answers = []
    for number in "12":
        asked = Message(content, dst_node_id=nodes[0], message_type="train", group_id=number)
        (reply,) = grid.send_and_receive([asked], timeout=600)
        same = reply.has_content() and reply.content.object_id == content.object_id
        error = reply.error.reason if reply.has_error() else ""
        answers.append({"same": same, "error": error, "group": reply.metadata.group_id})
    Path(context.run_config["out"]).write_text(json.dumps(answers))
'''


def test_a_real_server_takes_the_devices_answers(device_java, tmp_path):
    """A device that is not registered, or whose clock is wrong by an hour, is refused in words, and
    refuses a server of another authority. Then the same key is registered, and two messages are
    answered: large arrays in pieces, and an error before anything was pulled."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "pyproject.toml").write_text(PROJECT)
    (app / "server_app.py").write_text(SERVER)
    (app / "client_app.py").write_text("app = None  # a native device never asks for it\n")
    other = tmp_path / "other"
    other.mkdir()
    answers, log = tmp_path / "answers.json", tmp_path / "run.log"
    with deployment() as place:
        address = f"{HOST}:{place.port}"
        shutil.copy(place.credentials.authority, tmp_path / "ca.crt")
        device = device_process(device_java, tmp_path, address)
        assert "does not know this device's key" in finished(device)

        server_credentials(other)  # another authority, in the file that the device reads
        stranger = device_process(device_java, other, address)
        assert f"{address} is not trusted" in finished(stranger)

        for ahead_s, direction in ((3600, "ahead of"), (-3600, "behind")):
            wrong = device_process(device_java, tmp_path, address, clock_ahead_s=ahead_s)
            assert re.search(rf"clock is 3[56]\d\d s {direction} that of", finished(wrong))

        device = device_process(device_java, tmp_path, address, register=place.register)
        command = ["flwr", "run", app, processes.CONNECTION, "--stream"]
        place.home.start([*command, "--run-config", f'out="{answers}"'], log)
        wait_for(answers.is_file, lambda: log_tail(log))
        printed = finished(device)
    assert "appId=tests/echo, appVersion=1.0.0" in printed
    assert f"settings={{out={answers}}})" in printed  # not the app's own defaults
    assert json.loads(answers.read_text()) == [
        {"same": True, "error": "", "group": "1"},
        {"same": False, "error": "no clips", "group": "2"},
    ]


def device_process(
    java: list[str],
    folder: Path,
    address: str,
    register: Callable[[Path], None] | None = None,
    clock_ahead_s: int = 0,
) -> subprocess.Popen[str]:
    """Start a device that keeps its key in `folder`, and let it go on once that is registered."""
    device = subprocess.Popen(
        [*java, TOOL, "echo", str(folder), address, str(clock_ahead_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert device.stdout and device.stdin and device.stdout.readline() == "key\n"
    if register:
        register(folder / "key.pub")
    device.stdin.write("\n")
    device.stdin.flush()
    return device


def finished(device: subprocess.Popen[str]) -> str:
    return device.communicate(timeout=600)[0]
