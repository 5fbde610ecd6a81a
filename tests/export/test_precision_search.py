"""Precisions beside fp32 and int8, and the choice of the smallest that is good enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.audio_files import write
from support.exports import exported_once
from support.paths import ROOT
from support.runs import chord

from tiny_audio_ssl import UserError

pytest.importorskip("onnx")
pytest.importorskip("executorch")

import onnx

from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.precision_search import PrecisionTarget
from tiny_audio_ssl.export.weights_only import quantized


@pytest.fixture(scope="session")
def every(tmp_path_factory: pytest.TempPathFactory, small_run: Path) -> ExportResult:
    """All precisions that .onnx has, of the form that takes waveforms."""
    options = {"format": "onnx", "precision": "all", "input": "waveform"}

    def make(folder: Path) -> ExportResult:
        return export(
            small_run, folder, **options, calibration_clips=16, parity_clips=8, min_snr_db=10.0
        )

    return exported_once(tmp_path_factory, "every-precision", make)


@pytest.fixture(scope="module")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> EvaluationTask:
    """Two kinds of sound that any embedding tells apart."""
    folder = tmp_path_factory.mktemp("labeled")
    rows = ["path,label"]
    for i in range(12):
        level = 1.0 if i % 2 else 0.02
        path = write(folder / f"{i}.wav", (level * chord(i, 1.2)).astype(np.float32))
        rows.append(f"{path},{'loud' if i % 2 else 'quiet'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return EvaluationTask("loudness", str(folder / "labels.csv"), folds=2)


def test_fewer_bits_are_fewer_bytes_and_more_noise(every):
    assert every.ok
    by_precision = {a.form.precision: a for a in every.artifacts}
    assert list(by_precision) == ["fp32", "fp16", "int8-weights", "int8"]
    snr_db = [a.parity.snr_db for a in every.artifacts]
    assert snr_db == sorted(snr_db, reverse=True)
    for precision in ("fp16", "int8-weights", "int8"):
        assert by_precision[precision].bytes < by_precision["fp32"].bytes


def test_an_onnx_names_no_folder_of_where_it_was_made(every):
    for artifact in every.artifacts:
        content = artifact.path.read_bytes()
        assert str(ROOT).encode() not in content
        assert not any(node.metadata_props for node in onnx.load(artifact.path).graph.node)


def test_half_precision_runs_in_executorch(small_run, tmp_path):
    options = {"format": "executorch", "precision": ("fp32", "fp16"), "input": "waveform"}
    result = export(small_run, tmp_path / "e", **options, parity_clips=4)
    assert result.ok
    exact, half = result.artifacts
    assert exact.operators.delegates == 1 and exact.operators.portable == {}
    assert half.parity.snr_db < 100 < exact.parity.snr_db


def test_weights_keep_their_scale_by_channel():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, 3, 5, 5)) * np.array([1, 10, 0, 0.1]).reshape(4, 1, 1, 1)
    integers, scale = quantized(weight.astype(np.float32))
    assert np.abs(integers).reshape(4, -1).max(axis=1).tolist() == [127, 127, 0, 127]
    back = integers * scale.reshape(4, 1, 1, 1)
    assert (np.abs(back - weight).reshape(4, -1).max(axis=1) <= scale / 2 + 1e-6).all()


def test_the_smallest_that_meets_the_target_is_kept(small_run, every, labeled, tmp_path):
    snr_db = {a.form.precision: a.parity.snr_db for a in every.artifacts}
    between = (snr_db["int8"] + snr_db["int8-weights"]) / 2
    result = export(
        small_run, tmp_path / "e", format="onnx", input="waveform", parity_clips=8,
        calibration_clips=16, target_snr_db=between, max_probe_drop=0.0, tasks=[labeled],
    )  # fmt: skip
    (kept,) = result.artifacts
    assert kept.form.precision == "int8-weights"
    assert [t.meets for t in kept.tried] == [False, True]
    assert kept.tried[1].probe_drops == {"loudness": 0}
    (entry,) = manifest.read(result.folder)["artifacts"]
    assert [t["file"] for t in entry["tried"]] == [t.file for t in kept.tried]
    assert {p.name for p in result.folder.glob("*.onnx")} == {kept.form.file}


def test_a_target_that_nothing_meets_leaves_nothing(small_run, tmp_path):
    with pytest.raises(UserError, match="no precision meets the target"):
        export(
            small_run, tmp_path / "e", format="onnx", input="mel", precision="fp32",
            parity_clips=4, target_snr_db=500.0,
        )  # fmt: skip
    assert not (tmp_path / "e").exists()


def test_a_drop_needs_labels_and_labels_need_a_drop(labeled):
    for given in ({"max_probe_drop": 1.0}, {"min_snr_db": 20.0, "tasks": (open_task(labeled),)}):
        with pytest.raises(UserError, match="--max-probe-drop"):
            PrecisionTarget(**given)
