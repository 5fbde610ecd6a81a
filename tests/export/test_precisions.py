"""Precisions beside fp32 and int8, and the choice of the smallest that is good enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.audio_files import write
from support.paths import ROOT
from support.runs import WINDOW, chord, make_run

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoders import EncoderConfig

pytest.importorskip("onnx")
pytest.importorskip("executorch")

import onnx

from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import open_model
from tiny_audio_ssl.export import ExportResult, Target, export_run, manifest
from tiny_audio_ssl.export.weights_only import quantised


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=0.5))


@pytest.fixture(scope="module")
def every(run: Path) -> ExportResult:
    """All that .onnx has."""
    return export_run(run, run / "all", ["onnx"], [], ["waveform"], parity_clips=8)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> OpenedTask:
    """Two kinds of sound that any embedding tells apart."""
    folder = tmp_path_factory.mktemp("labelled")
    rows = ["path,label"]
    for i in range(12):
        level = 1.0 if i % 2 else 0.02
        path = write(folder / f"{i}.wav", (level * chord(i, 1.2)).astype(np.float32))
        rows.append(f"{path},{'loud' if i % 2 else 'quiet'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return open_task(
        EvaluationTask("loudness", str(folder / "labels.csv"), folds=2), folder / "cache"
    )


def test_fewer_bits_are_fewer_bytes_and_more_noise(every):
    assert every.ok
    by_precision = {a.form.precision: a for a in every.artifacts}
    assert list(by_precision) == ["fp32", "fp16", "int8-weights", "int8"]
    snr_db = [a.parity.snr_db for a in every.artifacts]
    assert snr_db == sorted(snr_db, reverse=True)
    for precision in ("fp16", "int8-weights", "int8"):
        assert by_precision[precision].bytes < by_precision["fp32"].bytes


def test_an_onnx_says_nothing_of_where_it_was_made(every):
    for artifact in every.artifacts:
        content = artifact.path.read_bytes()
        assert str(ROOT).encode() not in content
        assert not any(node.metadata_props for node in onnx.load(artifact.path).graph.node)


def test_half_precision_runs_in_executorch(run, tmp_path):
    result = export_run(run, tmp_path / "e", ["executorch"], ["fp16"], ["waveform"], parity_clips=8)
    assert result.ok and result.artifacts[0].parity.snr_db < 100  # fp32 has more than 110


def test_weights_keep_their_scale_by_channel():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, 3, 5, 5)) * np.array([1, 10, 0, 0.1]).reshape(4, 1, 1, 1)
    integers, scale = quantised(weight.astype(np.float32))
    assert np.abs(integers).reshape(4, -1).max(axis=1).tolist() == [127, 127, 0, 127]
    back = integers * scale.reshape(4, 1, 1, 1)
    assert (np.abs(back - weight).reshape(4, -1).max(axis=1) <= scale / 2 + 1e-6).all()


def test_int8_weights_are_refused_where_no_runtime_takes_them(run, tmp_path):
    with pytest.raises(UserError, match="int8-weights is not to be had with --format executorch"):
        export_run(run, tmp_path / "e", ["executorch"], ["int8-weights"], ["mel"])


def test_the_smallest_that_meets_the_target_is_kept(run, every, labelled, tmp_path):
    snr_db = {a.form.precision: a.parity.snr_db for a in every.artifacts}
    between = (snr_db["int8"] + snr_db["int8-weights"]) / 2
    target = Target(between, 0.0, (labelled,), tmp_path / "cache")
    folder = tmp_path / "e"
    result = export_run(run, folder, ["onnx"], [], ["waveform"], parity_clips=8, target=target)
    (kept,) = result.artifacts
    assert kept.form.precision == "int8-weights"
    assert [t.meets for t in kept.tried] == [False, True]
    assert kept.tried[1].probe_drops == {"loudness": 0}
    (entry,) = manifest.read(folder)["artifacts"]
    assert [t["file"] for t in entry["tried"]] == [t.file for t in kept.tried]
    assert {p.name for p in folder.glob("*.onnx")} == {kept.form.file}


def test_a_target_that_nothing_meets_leaves_nothing(run, tmp_path):
    target = Target(min_snr_db=500.0)
    with pytest.raises(UserError, match="no precision meets the target"):
        export_run(run, tmp_path / "e", ["onnx"], [], ["mel"], parity_clips=4, target=target)
    assert not (tmp_path / "e").exists()


def test_a_drop_wants_labels_and_labels_want_a_drop(labelled):
    for given in ({"max_probe_drop": 1.0}, {"min_snr_db": 20.0, "tasks": (labelled,)}):
        with pytest.raises(UserError, match="--max-probe-drop"):
            Target(**given)


def test_an_artifact_can_be_probed_like_a_run(every, run):
    path = next(a.path for a in every.artifacts if a.form.precision == "fp32")
    artifact, model = open_model(path), open_model(run)
    window = chord(50, 1.0)[:WINDOW].astype(np.float32)
    np.testing.assert_allclose(artifact.embed(window[None]), model.embed(window[None]), atol=1e-4)
    long = np.concatenate([window, window])
    np.testing.assert_allclose(artifact.embed(long[None]), artifact.embed(window[None]), atol=1e-4)
    assert artifact.embed(window[None, :5000]).shape == (1, artifact.dim)
