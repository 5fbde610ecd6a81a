"""Faults that a deployment on one machine reports before it starts, and those of its clients."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.audio_files import noise, write
from support.federated_grid import TINY

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import loopback
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.recordings import CANNOT_TAKE_PART


@pytest.mark.parametrize("wrong", ["client", "server"])
def test_folder_that_is_not_there_is_said_before_anything_starts(wrong, tmp_path, monkeypatch):
    monkeypatch.setattr(loopback, "deployment", lambda logs: pytest.fail("started"))
    write(tmp_path / "a" / "1.wav", noise(1.0))
    absent = tmp_path / "absent"
    own = {"server_data": str(absent)} if wrong == "server" else {}
    config = FederatedConfig(out=str(tmp_path / "run"), **{**TINY, "clients": 2, **own})
    with pytest.raises(UserError, match="absent: not found"):
        loopback.deploy(config, [tmp_path / "a", absent if wrong == "client" else tmp_path / "a"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"INFO\n{CANNOT_TAKE_PART}a.wav: silent\nTraceback\n", "a.wav: silent"),
        (f"{CANNOT_TAKE_PART}first\n{CANNOT_TAKE_PART}last", "last"),
        ("Traceback\nRuntimeError: killed\n", "see {log}"),
        (None, "see {log}"),
    ],
)
def test_reason_of_a_client_is_read_from_its_log(text: str | None, found: str, tmp_path: Path):
    log = tmp_path / "supernode-0.log"
    if text is not None:
        log.write_text(text)
    assert loopback.reason_in(log) == found.format(log=log)
