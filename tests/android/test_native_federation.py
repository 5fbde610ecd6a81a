"""Rounds of Python and native devices together: a real SuperLink, TLS, keys, processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("executorch")
pytest.importorskip("flwr")

from flwr.app import Message
from support.audio_files import noise, write
from support.federated_grid import FIRST_NODE_ID, TINY, federate, left_out, records

from tiny_audio_ssl import cli
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.loopback import deploy
from tiny_audio_ssl.models import checkpoint

PHONE = 2  # its number
NARROW = 0.01  # secagg-range: updates are far smaller


@pytest.fixture
def programs(device_program, federated_app, tmp_path) -> Path:
    """A program that is the app's job for one client, whose files are kept in the folder `phone`
    beside it, and the native device for others."""
    file = tmp_path / "program"
    phone = f"java @{federated_app / 'java.args'} org.tinyaudiossl.demo.participation.PhoneKt"
    engine = device_program.with_name("libtinyaudio_engine.so")
    file.write_text(
        '#!/bin/sh\nmkdir -p "$2"\ncase "$2" in\n'
        f'  *-{PHONE}) shift 2; exec {phone} --state {tmp_path}/phone "$@" --engine {engine} ;;\n'
        f'  *) exec {device_program} "$@" ;;\nesac\n'
    )
    file.chmod(0o755)
    return file


def test_native_devices_and_a_python_one_reach_the_weights_of_three_python_ones(
    programs, device_start, tmp_path
):
    """All have the same recordings: which of them is client 0 does not matter then."""
    clips, start = device_start / "clips", device_start / "run"
    settings = {
        **TINY, "clients": 3, "rounds": 3, "evaluate_every": 0, "start": str(start),
        "norm": "frozen", "draws": "counter", "artifact": str(start / "export-training"),
        "backend": "executorch",
    }  # fmt: skip
    config = FederatedConfig(out=str(tmp_path / "mixed"), **settings)
    deploy(config, [clips] * 3, native_devices=2, native_program=programs)
    assert not left_out(tmp_path / "mixed") and len(records(tmp_path / "mixed")) == 3
    assert history(tmp_path)[0] == (1, "sent")
    node = {"audio": str(clips)}
    federate(tmp_path / "python", node_configs=[node] * 3, **settings)
    began, mixed, python = map(weights, (start, tmp_path / "mixed", tmp_path / "python"))
    difference = np.linalg.norm(mixed - python) / np.linalg.norm(python - began)
    print(f"{difference:.2e} of the length of three rounds' updates")
    assert difference < 5e-4


def test_secure_aggregation_survives_a_device_that_drops_out(programs, device_start, tmp_path):
    """One Python device, two native ones and a phone. The last has no recording that is long
    enough: it fails after it has shared its keys, so that the others unmask the mean with its
    shares."""
    clips, start = device_start / "clips", device_start / "run"
    write(tmp_path / "short" / "a.wav", noise(0.1))
    settings = {
        **TINY, "clients": 4, "rounds": 1, "evaluate_every": 0, "start": str(start),
        "norm": "frozen", "draws": "counter", "artifact": str(start / "export-training"),
        "backend": "executorch",
    }  # fmt: skip
    secure = {"secure_aggregation": True, "secagg_threshold": 0.7, "secagg_range": NARROW}
    config = FederatedConfig(out=str(tmp_path / "secure"), **settings, **secure)
    folders = [clips] * 3 + [tmp_path / "short"]
    deploy(config, folders, native_devices=3, native_program=programs)
    ((dead, reason),) = left_out(tmp_path / "secure").items()
    assert reason.startswith("0 recordings of")
    assert history(tmp_path) == [(1, "sent")]  # one line, for four answers

    def without_the_dead(_: Message, reply: Message) -> Message | None:
        return None if reply.metadata.src_node_id == FIRST_NODE_ID + dead else reply

    node = {"audio": str(clips)}
    federate(tmp_path / "plain", without_the_dead, [node] * 4, **settings)
    began, found, expected = map(weights, (start, tmp_path / "secure", tmp_path / "plain"))
    # A step of the quantizer, 2 x range / 2^22, over a client's share of the weight.
    step = 2 * NARROW / 2**22 * 1000 / len(list(clips.rglob("*.wav")))
    assert np.abs(found - expected).max() < step + 1e-3 * np.abs(expected - began).max()


def history(folder: Path) -> list[tuple[int, str]]:
    """Return the rounds in the phone's history, oldest first, and what became of each."""
    lines = records(folder / "phone" / "federation", "history.jsonl")
    return [(line["round"], line["kind"]) for line in lines]


def weights(run: Path) -> np.ndarray:
    """Return the encoder's parameters in a run's last checkpoint, [n]."""
    encoder = checkpoint.load(run).model.encoder
    return torch.cat([one.detach().flatten() for one in encoder.parameters()]).numpy()


def test_native_devices_need_a_program_and_an_artifact(tmp_path, capsys):
    config = FederatedConfig(out=str(tmp_path / "run"), **{**TINY, "clients": 2})
    for count, program in ((1, None), (1, tmp_path), (3, tmp_path)):
        with pytest.raises(UserError, match="expected no more native devices than clients, --nat"):
            deploy(config, [tmp_path] * 2, native_devices=count, native_program=program)
    audio = [str(tmp_path), str(tmp_path)]
    command = ["federate", "loopback", *audio, "--clients", "2", "--native-devices", "1"]
    assert cli.run([*command, "--out", str(tmp_path / "run")]) == 2
    assert "1 native devices of 2 clients, program not given" in capsys.readouterr().err
