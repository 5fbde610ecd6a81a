"""Rounds of Python and native devices together: a real SuperLink, TLS, keys, processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("executorch")
pytest.importorskip("flwr")

from support.federated_grid import TINY, federate, left_out, records

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.loopback import deploy
from tiny_audio_ssl.models import checkpoint

PHONE = 2  # its number


@pytest.fixture
def programs(device_program, federated_app, tmp_path) -> Path:
    """A program that is the phone's part for the last client, and the native device for others."""
    file = tmp_path / "program"
    phone = f"java @{federated_app / 'java.args'} org.tinyaudiossl.demo.participation.PhoneKt"
    engine = device_program.with_name("libtinyaudio_engine.so")
    file.write_text(
        '#!/bin/sh\ncase "$2" in\n'
        f'  *-{PHONE}) exec {phone} "$@" --engine {engine} ;;\n'
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
        **TINY, "clients": 3, "rounds": 2, "evaluate_every": 0, "start": str(start),
        "norm": "frozen", "draws": "counter", "artifact": str(start / "export-training"),
    }  # fmt: skip
    config = FederatedConfig(out=str(tmp_path / "mixed"), **settings)
    deploy(config, [clips] * 3, native_devices=2, native_program=programs)
    assert not left_out(tmp_path / "mixed") and len(records(tmp_path / "mixed")) == 2
    node = {"audio": str(clips)}
    federate(tmp_path / "python", node_configs=[node] * 3, **settings)
    began, mixed, python = map(weights, (start, tmp_path / "mixed", tmp_path / "python"))
    difference = np.linalg.norm(mixed - python) / np.linalg.norm(python - began)
    print(f"{difference:.2e} of the length of two rounds' updates")
    assert difference < 1e-3


def weights(run: Path) -> np.ndarray:
    """Return the encoder's parameters in a run's last checkpoint, [n]."""
    encoder = checkpoint.load(run).model.encoder
    return torch.cat([one.detach().flatten() for one in encoder.parameters()]).numpy()


def test_native_devices_need_a_program_and_an_artifact(tmp_path):
    config = FederatedConfig(out=str(tmp_path / "run"), **{**TINY, "clients": 2})
    for count, program in ((1, None), (1, tmp_path), (3, tmp_path)):
        with pytest.raises(UserError, match="expected no more native devices than clients, --nat"):
            deploy(config, [tmp_path] * 2, native_devices=count, native_program=program)
