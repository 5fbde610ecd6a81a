"""Privacy of the ClientApp: neither audio nor file names leave a client."""

from __future__ import annotations

import json

import pytest
import torch
from contract.task_settings import SETTINGS
from support.audio_files import noise, write
from support.canary import Canary
from support.federated_grid import ONE_ROUND, TINY, federate, left_out, records

from tiny_audio_ssl.audio import synthetic
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.recordings import CANNOT_TAKE_PART


def test_raw_audio_never_leaves_a_client(task_name, tmp_path):
    pretext = json.dumps(SETTINGS.get(task_name, {}))
    settings = {"task": task_name, "pretext": pretext, "clients": 2, "rounds": 1, "local_steps": 1}
    canary = Canary(tmp_path / "clients", FederatedConfig(**{**TINY, **settings}))
    federation, grid = federate(tmp_path / "run", node_configs=canary.node_configs, **settings)
    canary.add_log_mel(federation.model.model.frontend(torch.from_numpy(canary.wave)[None]).numpy())
    for form in canary.forms:  # the search does find the canary
        assert canary.is_in(b"some header" + form.ravel()[500:550].tobytes() + b"end")
    assert len(grid.wire) == 8 and not left_out(tmp_path / "run")
    for blob in set(grid.wire):
        assert not canary.is_in(blob)
        assert str(tmp_path / "clients").encode() not in blob
    for file in {file.resolve() for file in (tmp_path / "run").rglob("*") if file.is_file()}:
        assert not canary.is_in(file.read_bytes()), file


def test_errors_of_real_clients_do_not_name_files(tmp_path):
    node_configs = [{"audio": str(tmp_path / "at-the-doctor")}] * 4
    _, grid = federate(tmp_path / "run", node_configs=node_configs, **ONE_ROUND)
    assert b"at-the-doctor" not in b"".join(grid.wire)
    assert all("CorpusError" in text for text in left_out(tmp_path / "run").values())


@pytest.mark.parametrize(
    "task", ["cola", "triplet", "byol-a", "lim", "mix-back", "clar", "multi-format"]
)
def test_client_with_one_recording_does_not_compare_it_with_itself(task, tmp_path):
    """It is left out of training and evaluation, and its log says why; the others go on."""
    folders = [synthetic.write(tmp_path / str(client), 1, seed=client) for client in range(2)]
    write(tmp_path / "one" / "a.wav", noise(2.0))
    node_configs = [{"audio": str(folder)} for folder in (*folders, tmp_path / "one")]
    lines: list[str] = []
    settings = {**ONE_ROUND, "task": task, "pretext": "{}", "clients": 3, "evaluate_every": 1}
    federate(tmp_path / "run", node_configs=node_configs, log=lines.append, **settings)
    assert list(left_out(tmp_path / "run")) == [2]
    (line,) = records(tmp_path / "run")
    assert line["clients/accepted"] == 2 and 0 < line["validation/loss"] < 10
    assert any("evaluation of client 2 left out" in text for text in lines)


def test_client_says_in_its_own_log_why_it_is_left_out(tmp_path, caplog):
    write(tmp_path / "one" / "a.wav", noise(2.0))
    node_configs = [{"audio": str(tmp_path / "one")}] * 4
    federate(tmp_path / "run", node_configs=node_configs, task="cola", pretext="{}", **ONE_ROUND)
    assert f"{CANNOT_TAKE_PART}cola compares clips" in caplog.text
