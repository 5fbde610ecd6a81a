"""Runs and exports that the tests of `export` share. Tests copy what they alter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.once import made_once
from support.runs import make_run

from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.models.encoder_config import EncoderConfig


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow `mobile` encoder with random weights and 16 recordings."""

    def make(folder: Path) -> Path:
        return make_run(folder, EncoderConfig(width=0.25))

    return made_once(tmp_path_factory, "small-run", make)


@pytest.fixture(scope="session")
def small_export(tmp_path_factory: pytest.TempPathFactory, small_run: Path) -> ExportResult:
    """The four forms of `small_run` that take log-mel, the fastest to make."""

    def make(folder: Path) -> ExportResult:
        return export(small_run, folder, input="mel", calibration_clips=8, parity_clips=8)

    return made_once(tmp_path_factory, "small-export", make)


@pytest.fixture
def export_copy(small_export: ExportResult, tmp_path: Path) -> Path:
    """A copy of `small_export`'s folder, to be damaged."""
    return Path(shutil.copytree(small_export.folder, tmp_path / "export"))
