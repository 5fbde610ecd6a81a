"""Runs and exports that the tests of `export` share. Tests copy what they alter."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.exports import exported_once
from support.made_once import made_once
from support.runs import make_run

from tiny_audio_ssl.export import verify
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.models.encoder_config import EncoderConfig


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow `mobile` encoder with random weights and 16 recordings."""

    return made_once(
        tmp_path_factory, "small-run", lambda to: make_run(to, EncoderConfig(width=0.25))
    )


@pytest.fixture(scope="session")
def small_export(tmp_path_factory: pytest.TempPathFactory, small_run: Path) -> ExportResult:
    """The four forms of `small_run` that take log-mel, the fastest to make."""

    def make(folder: Path) -> ExportResult:
        return export(
            small_run, folder, input="mel", calibration_clips=8, parity_clips=8, min_snr_db=10.0
        )

    return exported_once(tmp_path_factory, "small-export", make)


@pytest.fixture
def export_copy(small_export: ExportResult, tmp_path: Path) -> Path:
    """A copy of `small_export`'s folder, to be damaged."""
    return Path(shutil.copytree(small_export.folder, tmp_path / "export"))


class Here:
    """Stands for the other process, which takes seconds to start."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        class Done:
            def result(self) -> Any:
                return function(*arguments)

        return Done()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `verify` run artifacts in this process."""

    @contextlib.contextmanager
    def here() -> Iterator[Here]:
        yield Here()

    monkeypatch.setattr(verify, "_own_process", here)
