"""A repeated export replaces what the earlier one wrote, and keeps everything else."""

from __future__ import annotations

import json
import shutil

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.utils.claim import claimed_target

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.model_card import MODEL_CARD
from tiny_audio_ssl.export.replaceable import replaceable
from tiny_audio_ssl.export.training.to_training import export_training
from tiny_audio_ssl.export.verify import verify

QUICK = {"format": "onnx", "precision": "fp32", "input": "mel", "parity": False}


def test_notes_and_measurements_are_kept(small_run, export_copy):
    mine = ["bench.csv", "app/notes.txt", "my.onnx", "Größe.txt"]
    for name in mine:
        (export_copy / name).parent.mkdir(exist_ok=True)
        (export_copy / name).write_text("mine")
    result = export(small_run, export_copy, **QUICK)
    assert [(export_copy / name).read_text() for name in mine] == ["mine"] * len(mine)
    assert {path.name for path in export_copy.glob("*.pte")} == set()  # of the earlier export
    assert [path.name for path in export_copy.parent.iterdir()] == [export_copy.name]
    assert verify(result.artifacts[0].path).ok
    export(small_run, export_copy, **QUICK)


def test_a_file_by_the_name_of_an_artifact_is_no_artifact(small_run, export_copy):
    content = json.loads((export_copy / manifest.MANIFEST).read_text())
    content["artifacts"] = [a for a in content["artifacts"] if "fp32.onnx" not in a["file"]]
    (export_copy / manifest.MANIFEST).write_text(json.dumps(content))
    (export_copy / "encoder.mel.fp32.onnx").write_text("mine")
    with pytest.raises(UserError, match="not written by an earlier run"):
        export(small_run, export_copy, **QUICK)
    assert (export_copy / "encoder.mel.fp32.onnx").read_text() == "mine"


def test_a_card_with_notes_is_not_replaced(small_run, export_copy):
    card = export_copy / MODEL_CARD
    card.write_text(card.read_text() + "My measurements.\n")
    with pytest.raises(UserError, match="edited since it was exported"):
        export(small_run, export_copy, **QUICK)
    card.rename(card.with_name("NOTES.md"))
    export(small_run, export_copy, **QUICK)
    assert "My measurements" in (export_copy / "NOTES.md").read_text()


@pytest.mark.parametrize("content", ['{"artifacts": []}', "[]", "no JSON", '{"name": "an app"}'])
def test_other_manifests_are_not_ours(content, tmp_path):
    (tmp_path / manifest.MANIFEST).write_text(content)
    with pytest.raises(UserError, match="not made by `tiny-audio-ssl export`"):
        replaceable(tmp_path, "export")


def test_one_kind_of_export_does_not_replace_the_other(export_copy):
    assert MODEL_CARD in replaceable(export_copy, "export")
    with pytest.raises(UserError, match="not made by `tiny-audio-ssl export-training`"):
        replaceable(export_copy, "export-training")


def test_an_input_is_never_replaced(small_run, export_copy):
    content = json.loads((export_copy / manifest.MANIFEST).read_text())
    content["artifacts"][0]["checkpoint"] = "start"
    (export_copy / manifest.MANIFEST).write_text(json.dumps(content))
    start = shutil.copytree(checkpoint.locate(small_run), export_copy / "start")
    with pytest.raises(UserError, match="an input of this run"):
        export_training(start, export_copy)
    with pytest.raises(UserError, match="an input of this run"):
        replaceable(start, "export", [start])


def test_of_two_exports_into_one_folder_one_is_refused(small_run, tmp_path):
    with claimed_target(tmp_path / "out"), pytest.raises(UserError, match="in use by process"):
        export(small_run, tmp_path / "out", **QUICK)
    assert not list(tmp_path.iterdir())
