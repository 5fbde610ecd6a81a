"""Flower's programs are found, and their logs are read."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.processes import (
    FlowerHome,
    last_user_error,
    log_tail,
    program,
    wait_until_open,
)


def make_program(folder: Path, name: str = "flower-superlink") -> Path:
    folder.mkdir()
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_programs_beside_python_come_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(make_program(tmp_path / "bin").parent))
    assert program("flower-superlink") == str(
        Path(sysconfig.get_path("scripts")) / "flower-superlink"
    )


def test_programs_on_path_come_second(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    found = make_program(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(found.parent))
    assert program("flower-superlink") == str(found)


def test_missing_program_is_a_user_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"flower-superlink is neither .* pip install"):
        program("flower-superlink")


def test_started_programs_find_each_other_without_path(tmp_path, monkeypatch):
    """Flower starts its programs by name."""
    monkeypatch.setenv("PATH", "/nowhere")
    home = FlowerHome(tmp_path)
    assert home.run(["flwr", "--version"]).returncode == 0
    code = "import shutil; print(shutil.which('flower-superexec'))"
    assert "flower-superexec" in home.run([sys.executable, "-c", code]).stdout


def test_connection_settings(tmp_path):
    home = FlowerHome(tmp_path)
    home.connect(8000)
    settings = tomllib.loads((tmp_path / "config.toml").read_text())["superlink"]
    assert settings["own"] == {"address": "127.0.0.1:8000", "insecure": True}
    home.connect(8000, Path("/a/ca.crt"))
    settings = tomllib.loads((tmp_path / "config.toml").read_text())["superlink"]
    assert settings["default"] == "own"
    assert settings["own"] == {"address": "127.0.0.1:8000", "root-certificates": "/a/ca.crt"}


def test_end_of_a_process_is_reported_with_its_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("port is taken\n")
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(UserError, match="true did not start:\nport is taken"):
        wait_until_open(1, process, log)


def test_user_error_is_found_in_a_log(tmp_path):
    log = tmp_path / "log"
    assert last_user_error(log) is None and log_tail(log) == ""
    log.write_text("x\ntiny_audio_ssl.errors.UserError: no labels; add a column\nend\n")
    assert last_user_error(log) == "no labels; add a column"
    assert log_tail(log).endswith("end")
