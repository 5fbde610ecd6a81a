"""bench says when an artifact gives other outputs here than the reference beside it records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tiny_audio_ssl.bench.discovery import find_subjects
from tiny_audio_ssl.bench.reference_check import differences_here
from tiny_audio_ssl.export import reference

ALTERED = "encoder.waveform.fp32.onnx"


@pytest.fixture
def export(waveform_export, tmp_path) -> Path:
    """A copy of an export with two artifacts, to alter."""
    return Path(shutil.copytree(waveform_export, tmp_path / "run" / "export"))


def lines(export: Path) -> list[str]:
    return list(differences_here(find_subjects([export])))


def test_nothing_is_said_of_artifacts_that_agree(export):
    assert lines(export) == []


def test_artifact_that_differs_is_named(export):
    file = export / reference.REFERENCE
    content = json.loads(file.read_text())
    outputs = content["artifacts"][ALTERED]["outputs"]
    outputs["embedding"] = [[-number for number in clip] for clip in outputs["embedding"]]
    file.write_text(json.dumps(content))
    (line,) = lines(export)
    assert line.startswith(f"{export / ALTERED}: ") and "computes differently" in line


def test_export_without_a_reference_is_passed_over(export):
    (export / reference.REFERENCE).unlink()
    assert lines(export) == []
