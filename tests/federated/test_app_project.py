"""The Flower app in `federated/` is the generated one, and Flower accepts it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from flwr.common.config import validate_config
from support.paths import ROOT

from tiny_audio_ssl.federated.app_project import COMMAND, app_files, write_app
from tiny_audio_ssl.federated.config import DEFAULTS

PROJECT = tomllib.loads(app_files()["pyproject.toml"])


@pytest.mark.parametrize("name", list(app_files()))
def test_committed_file_is_the_generated_one(name):
    committed = (ROOT / "federated" / name).read_text()
    assert committed == app_files()[name], f"run: {COMMAND} federated"


def test_app_lists_every_setting_with_its_default():
    assert PROJECT["tool"]["flwr"]["app"]["config"] == DEFAULTS


def test_flower_accepts_the_project(tmp_path):
    valid, errors, warnings = validate_config(PROJECT, project_dir=write_app(tmp_path))
    assert valid and not errors and not warnings


def test_flower_has_nothing_to_install_for_a_run():
    """It would install dependencies from a registry, for each run and on each client."""
    assert PROJECT["project"]["dependencies"] == []


def test_app_is_written_anywhere(tmp_path: Path):
    folder = write_app(tmp_path / "new" / "app")
    assert {file.name for file in folder.iterdir()} == set(app_files())
