"""Timing artifacts: what the rows hold, not how fast they are."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_export import make_run

from tiny_audio_ssl import UserError
from tiny_audio_ssl.encoders import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import export_run
from tiny_audio_ssl.latency import device_name, measure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=0.25), recordings=4)
    return export_run(run, precisions=["fp32"], inputs=["mel"], parity=False).folder


def test_a_row_for_each_form_and_eager(folder):
    rows = measure([folder], runs=5, warm_up=1, keep_samples=True)
    assert [row.artifact for row in rows] == [
        "eager mel", "encoder.mel.fp32.pte", "encoder.mel.fp32.onnx",
    ]  # fmt: skip
    assert [row.runtime for row in rows] == ["torch", "executorch", "onnxruntime"]
    assert rows[0].speedup == 1.0 and rows[0].bytes is None
    for row in rows:
        assert len(row.samples_ms) == row.runs == 5
        assert 0 < row.min_ms <= row.p50_ms <= row.p90_ms
        assert (row.threads, row.device, row.window_ms) == (1, device_name(), 975.0)
    assert all(row.load_ms and row.bytes for row in rows[1:])


def test_one_artifact_and_no_samples(folder):
    rows = measure([folder / "encoder.mel.fp32.onnx"], runs=3, warm_up=0)
    assert [row.artifact for row in rows] == ["eager mel", "encoder.mel.fp32.onnx"]
    assert rows[1].samples_ms == ()


def test_errors(folder, tmp_path):
    with pytest.raises(UserError, match="not in"):
        measure([folder / "other.onnx"])
    with pytest.raises(UserError, match=r"manifest\.json"):
        measure([tmp_path])
    with pytest.raises(UserError, match="threads 0"):
        measure([folder], threads=0)


def test_script_writes_csv_and_json(folder, tmp_path):
    script = Path(__file__).parents[1] / "benchmarks" / "latency.py"
    target = tmp_path / "latency.csv"
    command = [sys.executable, script, folder, "--runs", "3", "--csv", target, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    with target.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["artifact"] for row in rows] == [row["artifact"] for row in json.loads(done.stdout)]
    assert {"device", "runtime", "version", "precision", "threads"} <= set(rows[0])
