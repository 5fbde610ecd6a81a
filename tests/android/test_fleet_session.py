"""The device's Fleet client against a real SuperLink with TLS and node keys."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from support.cutting_proxy import cutting_proxy
from support.tls import server_context
from support.waiting import wait_for

pytest.importorskip("flwr")

from tiny_audio_ssl.federated import credentials, processes
from tiny_audio_ssl.federated.credentials import server_credentials
from tiny_audio_ssl.federated.loopback import deployment
from tiny_audio_ssl.federated.processes import HOST, log_tail

# One device is killed as it pulls six MB, for good; the next is cut off once as it pulls them, and
# once as it pushes as many.
KILLING_CUT, CUTS = 1_000_000, (2_000_000, 11_000_000)
GONE_FOR_GOOD_S = 3_600
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
task = ""
artifact-sha256 = ""
rounds = 7
"""
SETTINGS = 'task="cola" artifact-sha256="cd"'
SERVER = '''
"""Asks the node six times, and notes what it answers after it was gone."""
import json
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()


@app.main()
def main(grid, context):
    nodes = awaited(grid, 1)
    numbers = np.random.default_rng(0).normal(size=1_500_000).astype(np.float32)  # two pieces
    arrays = ArrayRecord({"weights": Array(numbers)})
    content = RecordDict({"arrays": arrays, "config": ConfigRecord({"round": 1, "client": 0})})
    answers = []
    killed = Message(content, dst_node_id=nodes[0], message_type="train", group_id="0")
    assert not list(grid.send_and_receive([killed], timeout=10))
    awaited(grid, 0)
    awaited(grid, 1)
    for number in "12345":
        asked = Message(content, dst_node_id=nodes[0], message_type="train", group_id=number)
        (reply,) = grid.send_and_receive([asked], timeout=600)
        group = reply.metadata.group_id
        if reply.has_error():
            answers.append([group, reply.error.reason])
            continue
        is_negated = np.array_equal(reply.content["arrays"]["weights"].numpy(), -numbers)
        answers.append([group, bool(is_negated and reply.content["config"] == content["config"])])
    Path(context.run_config["out"]).write_text(json.dumps(answers))


def awaited(grid, count):
    while len(nodes := list(grid.get_node_ids())) != count:
        time.sleep(0.2)
    return nodes
'''


def test_a_real_server_takes_the_devices_answers(device_java, tmp_path):
    """A device that is not registered, or whose clock is wrong by an hour, is refused in words, and
    refuses a server of another authority. Then the same key is registered; the device is killed in
    the middle of a pull, and started again: the server takes it after a minute. Five messages are
    answered then: large arrays in pieces, although the server is gone in the middle of the pull,
    and of the push; and errors before anything was pulled, as of devices that do not know the
    run's app, version, task and artifact."""
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

        with cutting_proxy(place.port, [KILLING_CUT], GONE_FOR_GOOD_S) as proxy:
            cut = f"{HOST}:{proxy.port}"
            device = device_process(device_java, tmp_path, cut, register=place.register)
            command = ["flwr", "run", app, processes.CONNECTION, "--stream"]
            place.home.start([*command, "--run-config", f'out="{answers}" {SETTINGS}'], log)
            wait_for(lambda: not proxy.cuts, lambda: log_tail(log))
            device.kill()
            device.wait()

        with cutting_proxy(place.port, CUTS) as proxy:
            device = device_process(device_java, tmp_path, f"{HOST}:{proxy.port}", tries=60)
            wait_for(answers.is_file, lambda: log_tail(log))
            printed = finished(device)
        assert not proxy.cuts, printed
        assert printed.count("was cut off") >= 1
    assert "appId=tests/echo, appVersion=1.0.0" in printed
    settings = dict(
        one.split("=") for one in re.findall(r"settings={(.*)}", printed)[0].split(", ")
    )
    given = {"out": str(answers), "task": "cola", "artifact-sha256": "cd"}
    assert settings == given  # not the app's own defaults
    known = {"app": "tests/other", "app version": "1.0.1", "task": "cpc", "artifact-sha256": "ab"}
    run = {"app": "tests/echo", "app version": "1.0.0", **given}
    refusals = [
        f"the run's {name} is {run[name]}; this device takes part only with {value}"
        for name, value in known.items()
    ]
    expected = [["1", True], *([str(2 + i), text] for i, text in enumerate(refusals))]
    assert json.loads(answers.read_text()) == expected, printed


def test_an_expired_certificate_is_refused(device_java, tmp_path, monkeypatch):
    monkeypatch.setattr(credentials, "VALID_FOR", datetime.timedelta(minutes=-30))
    with asked_once(device_java, tmp_path) as (context, connection, device):
        with pytest.raises(ssl.SSLError, match="expired"):
            context.wrap_socket(connection, server_side=True)
        assert "is not trusted: its certificate has expired" in finished(device)


def test_headers_say_nothing_about_the_device(device_java, tmp_path):
    """Java on a phone would name its model and version of Android."""
    with asked_once(device_java, tmp_path) as (context, connection, device):
        with context.wrap_socket(connection, server_side=True) as server:
            head = b"".join(iter(server.makefile("rb").readline, b"\r\n")).decode()
        device.kill()
        device.wait()
    first, *lines = head.splitlines()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert first == "POST /v1/fleet/activate-node HTTP/1.1"
    signed = {"flwr-public-key", "flwr-timestamp", "flwr-signature"}
    assert signed <= headers.keys()
    assert {name: value for name, value in headers.items() if name not in signed} == {
        **{"content-type": "application/protobuf", "accept": "application/protobuf"},
        **{"accept-encoding": "identity", "user-agent": "tiny-audio-device"},
        **{"flwr-package-name": "flwr", "flwr-package-version": metadata.version("flwr")},
        **{"flwr-component-name": "SuperNode", "host": headers["host"]},
        **{"connection": "keep-alive", "content-length": headers["content-length"]},
    }


@contextlib.contextmanager
def asked_once(
    java: list[str], folder: Path
) -> Iterator[tuple[ssl.SSLContext, socket.socket, subprocess.Popen[str]]]:
    """Accept a device's first connection: the server's TLS, the connection and the device."""
    made = server_credentials(folder)
    with socket.create_server((HOST, 0)) as listener:
        device = device_process(java, folder, f"{HOST}:{listener.getsockname()[1]}")
        with listener.accept()[0] as connection:
            yield server_context(made.certificate, made.key), connection, device


def device_process(
    java: list[str],
    folder: Path,
    address: str,
    register: Callable[[Path], None] | None = None,
    clock_ahead_s: int = 0,
    tries: int = 1,
) -> subprocess.Popen[str]:
    """Start a device that keeps its key in `folder`, and let it go on once that is registered."""
    device = subprocess.Popen(
        [*java, TOOL, "echo", str(folder), address, str(clock_ahead_s), str(tries)],
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
