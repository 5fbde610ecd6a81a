"""Exports that are made once per test session, with what `export` returned for them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from support.made_once import made_once

from tiny_audio_ssl.export.exporter import ExportResult


def exported_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], ExportResult]
) -> ExportResult:
    """Return the result of `make(folder)`, which the first worker that asks for `name` calls.

    `folder` does not exist yet. Tests leave what is in it as it is, and copy what they alter.
    """

    def make_and_keep(folder: Path) -> None:
        (folder / "result.pickle").write_bytes(pickle.dumps(make(folder / "made")))

    folder = made_once(tmp_path_factory, name, make_and_keep)
    result: ExportResult = pickle.loads((folder / "result.pickle").read_bytes())
    return result
