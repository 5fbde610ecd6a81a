"""Devices in trouble, against a real SuperLink with TLS and keys.

They get odd messages, have no clips or a full disk, or are killed in the middle of a round.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.audio_files import noise, write
from support.federated_grid import TINY
from support.killing import kill_with_children
from support.paths import ROOT
from support.waiting import wait_for

pytest.importorskip("executorch")
pytest.importorskip("flwr")

from flwr.app import Array, ArrayRecord

from tiny_audio_ssl.federated import processes
from tiny_audio_ssl.federated.app_project import write_app
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.device_folder import training_entry
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.loopback import Deployment, deployment
from tiny_audio_ssl.federated.processes import HOST, log_tail
from tiny_audio_ssl.federated.run_files import superlink_log
from tiny_audio_ssl.federated.update_encoding import decode
from tiny_audio_ssl.utils.files import write_json

TOOL = "org.tinyaudiossl.federated.ToolKt"
# Where devices die: each of them in its second round, and once. `sent`: the server has the whole
# update, and the device does not know it yet.
PHASES = (
    *("pull-object", "confirm-message-received", "train"),
    *("push-messages", "push-object", "sent"),
)
COUNTED = PHASES[3:]  # an update was made, and had been counted, when the device died
ANNOUNCED = PHASES[4:]  # the server has been told of that update
LOST_ANSWERS = "lost answers"
ANSWERING = ("sent", LOST_ANSWERS)  # the server gets their updates of all three rounds
TRAINING = (*PHASES, LOST_ANSWERS)
NO_CLIPS, FULL_DISK = "no clips", "full disk"
KILLED = 137


@dataclass
class Device:
    """A process of the tests' Kotlin tool, and what its earlier ones have printed."""

    folder: Path
    command: list[str]
    process: subprocess.Popen[str] | None = None
    printed: str = ""
    kept: dict[str, np.ndarray] = field(default_factory=dict)  # by the moment

    def start(self, phase: str) -> None:
        self.process = subprocess.Popen(
            [*self.command, phase],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout and self.process.stdout.readline() == "key\n"

    def go_on(self) -> None:
        assert self.process and self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def connect(self) -> None:
        """Wait until the server has taken the device."""
        assert self.process and self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("node "):
                return
        pytest.fail(f"the server did not take the device again: {self.printed}")

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.printed += self.process.communicate(timeout=600)[0]

    def keep(self, moment: str) -> None:
        """Note the rounding errors and the count of releases that are in the state folder."""
        (errors,) = self.folder.glob("rounding-*.f32")
        self.kept[moment] = np.fromfile(errors, "<f4")
        self.kept[f"{moment}: releases"] = np.loadtxt(self.folder / "releases")

    @property
    def node(self) -> str:
        (node,) = set(re.findall(r"^node (\d+)$", self.printed, re.MULTILINE))
        return str(node)


@dataclass(frozen=True)
class Outcome:
    """Answers that the server has got, and the devices by their trouble."""

    found: dict[str, Any]
    devices: dict[str, Device]
    superlink_log: str

    def answer(self, moment: str, trouble: str) -> dict[str, Any]:
        return dict(self.found[moment][self.devices[trouble].node])

    def update(self, moment: str, trouble: str) -> np.ndarray:
        """Return the update that the server has read, [n]."""
        sent = self.answer(moment, trouble)
        steps, scales = np.array(sent["update"], np.int8), np.array(sent["scales"], np.float32)
        record = ArrayRecord({"update": Array(steps), "scales": Array(scales)})
        return decode(record, "int8", len(steps))


@pytest.fixture(scope="module")
def outcome(device_java, device_program, device_start, tmp_path_factory) -> Outcome:
    """Run all devices at once: a killed one is taken again only after a minute."""
    place = tmp_path_factory.mktemp("faults")
    config = config_of(device_start, place)
    model = GlobalModel.open(config)
    count = len(TRAINING) + 2
    np.savez(place / "given.npz", weights=model.weights, fixed=model.fixed, devices=count)
    engine = device_program.with_name("libtinyaudio_engine.so")
    with deployment() as server:
        devices = {
            trouble: made_device(
                [*device_java, TOOL, "device"], server, place, trouble, device_start, engine
            )
            for trouble in (*TRAINING, NO_CLIPS, FULL_DISK)
        }
        try:
            for trouble, device in devices.items():
                device.start(trouble)
                server.register(device.folder / "key.pub")
                device.go_on()
            for device in devices.values():
                device.connect()
            kill_with_children(server.superlink)  # the devices wait for it
            server.start_superlink()
            run_through(server, config, devices)
            log = superlink_log(server.logs).read_text(errors="replace")
        finally:
            for device in devices.values():
                device.end()
    for trouble in TRAINING:
        devices[trouble].keep("end")
    return Outcome(json.loads((place / "found.json").read_text()), devices, log)


def config_of(start: Path, place: Path) -> FederatedConfig:
    """Return settings with a rounding error to keep, and a noise that is far smaller."""
    artifact = start / "run" / "export-training"
    settings: dict[str, Any] = {
        **TINY, "start": str(start / "run"), "norm": "frozen", "draws": "counter",
        "artifact": str(artifact), "artifact_sha256": training_entry(artifact)["sha256"],
        "encoding": "int8", "privacy": "local", "clipping_norm": 1.0, "noise_multiplier": 1e-9,
    }  # fmt: skip
    return FederatedConfig(out=str(place), **settings)


def made_device(
    command: list[str], server: Deployment, place: Path, trouble: str, start: Path, engine: Path
) -> Device:
    """Return a device that is not started, with one clip among files that are none."""
    folder, clips = place / trouble, place / f"{trouble} clips"
    folder.mkdir()
    clips.mkdir()
    (clips / "broken.wav").write_bytes(b"RIFF\x00\x00")
    write(clips / "short.wav", noise(0.1))
    if trouble != NO_CLIPS:
        write(clips / "sound.wav", noise(5))
    if trouble == FULL_DISK:
        (folder / "releases.part").symlink_to("/dev/full")
    shutil.copy(server.credentials.authority, folder / "ca.crt")
    files = [folder, f"{HOST}:{server.port}", start / "device", engine, clips]
    return Device(folder, [*command, *map(str, files)])


def run_through(server: Deployment, config: FederatedConfig, devices: dict[str, Device]) -> None:
    """Run the server app, and start the devices again that have died."""
    app = write_app(server.home.folder / "app")
    shutil.copy(ROOT / "tests" / "support" / "fault_server_app.py", app / "server_app.py")
    log = Path(config.out) / "run.log"
    command = ["flwr", "run", app, processes.CONNECTION, "--stream"]
    server.home.start([*command, "--run-config", server.home.write_settings(config)], log)
    dying = [devices[phase] for phase in PHASES]
    wait_for(
        lambda: all(one.process and one.process.poll() for one in dying), lambda: log_tail(log)
    )
    for device in dying:
        assert device.process and device.process.returncode == KILLED
        device.end()
        device.keep("death")
        device.start("none")
        device.go_on()
    for device in dying:
        device.connect()
    answering = [int(devices[trouble].node) for trouble in ANSWERING]
    write_json(Path(config.out) / "back.json", answering)
    wait_for((Path(config.out) / "found.json").is_file, lambda: log_tail(log))


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ("NaN", "weights are not finite"),
        ("length", r"weights have shape \[\d+\]; expected"),
        ("statistics", "statistics are not those of this device's artifact"),
        ("200 MB", r"arrays have 200000000 bytes; this device expects at most \d+"),
        ("evaluation", "a message of type evaluate; this device only trains"),
    ],
)
def test_an_odd_message_is_refused_in_words(odd, reason, outcome):
    assert re.search(reason, outcome.found["refused"][odd])


def test_200_mb_are_refused_before_they_are_read(outcome):
    printed = "".join(device.printed for device in outcome.devices.values())
    received = [
        int(count) for count in re.findall(r"^received (\d+) bytes$", printed, re.MULTILINE)
    ]
    assert 0 < max(received) < 2_000_000


def test_a_device_without_clips_says_so(outcome):
    assert "0 recordings of" in outcome.answer("first", NO_CLIPS)["error"]


def test_one_clip_is_enough_and_broken_ones_are_skipped(outcome):
    for trouble in PHASES:
        assert len(outcome.update("first", trouble)) > 1_000
        assert "broken.wav: cut short" in outcome.devices[trouble].printed


def test_a_device_with_a_full_disk_sends_nothing(outcome):
    error = outcome.answer("first", FULL_DISK)["error"]
    assert error == "IOException; see the device's log"
    assert "No space left on device" in outcome.devices[FULL_DISK].printed


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_device_goes_on_with_its_rounding_errors_and_counts(phase, outcome):
    """Each round trains the same update, so that what was sent and the error that is kept, less
    the error that was kept before, are the same."""
    kept = outcome.devices[phase].kept
    assert np.abs(kept["death"]).max() > 1e-7
    found = outcome.update("third", phase) + kept["end"] - kept["death"]
    np.testing.assert_allclose(found, trained(outcome), atol=1e-7)
    released = 2 if phase in COUNTED else 1
    assert (kept["death: releases"], kept["end: releases"]) == (released, released + 1)


@pytest.mark.parametrize("trouble", ANSWERING)
def test_an_update_whose_answers_were_lost_counts_once(trouble, outcome):
    """The server's three updates and the error that is kept are what three rounds have learned."""
    rounds = [outcome.update(moment, trouble) for moment in ("first", "second", "third")]
    kept = outcome.devices[trouble].kept
    np.testing.assert_allclose(sum(rounds) + kept["end"], 3 * trained(outcome), atol=3e-7)
    assert kept["end: releases"] == 3


def trained(outcome: Outcome) -> np.ndarray:
    """Return what a device learns in a round, [n]: what it sends first and does not send."""
    first = outcome.update("first", PHASES[0])
    return np.asarray(first + outcome.devices[PHASES[0]].kept["death"])


def test_every_answer_was_lost_once(outcome):
    lost = re.findall("^lost the answer to (.*)$", outcome.devices[LOST_ANSWERS].printed, re.M)
    assert len(lost) == len(set(lost)) == 5


@pytest.mark.parametrize("trouble", TRAINING)
def test_no_device_sends_anything_twice(trouble, outcome):
    """A device whose answers are lost repeats its announcement, which the server takes once."""
    node = outcome.devices[trouble].node
    announced = outcome.superlink_log.count(f"Push replies from node_id={node}\n")
    is_first = node == min(outcome.found["first"], key=int)  # it gets the odd messages
    odd = len(outcome.found["refused"]) if is_first else 0
    rounds = 4 if trouble == LOST_ANSWERS else 3 if trouble in ANNOUNCED else 2
    assert announced - odd == rounds
