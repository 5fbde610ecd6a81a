"""A background that an export learns from recordings."""

from __future__ import annotations

import pytest

from tiny_audio_ssl import UserError, export
from tiny_audio_ssl.embedding.comparison import FILE, SOUNDS, Background
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.config import ExportConfig

MANY = "builtin:12"  # 12 recordings of each of eight classes
FORM = {"format": "onnx", "precision": "fp32", "input": "mel", "parity": False}


def test_an_export_learns_a_background(small_run, tmp_path):
    result = export(small_run, tmp_path / "out", background=True, calibration=MANY, **FORM)
    about = manifest.read(result.folder)["background"]
    how = Background.read(result.folder, about)
    assert how.dim == manifest.learned_dim(manifest.trusted(result.folder))
    assert (about["sounds"], result.notes) == (SOUNDS, ())
    again = export(small_run, tmp_path / "out", **FORM)  # replaces all that an export wrote
    assert not (again.folder / FILE).exists()
    assert "background" not in manifest.trusted(again.folder)


def test_too_few_recordings_give_a_note_and_no_background(small_run, tmp_path):
    result = export(small_run, tmp_path / "out", background=True, **FORM)
    assert "background" not in manifest.trusted(result.folder)
    (note,) = result.notes
    assert "no background: " in note and f"and {SOUNDS} are needed" in note


def test_a_product_has_no_background():
    with pytest.raises(UserError, match=r"--product units can't be combined with --background"):
        ExportConfig(product="units", background=True).check()
