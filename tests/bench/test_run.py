"""`bench` on this machine: the rows that it returns, not how fast they are."""

from __future__ import annotations

import csv
import json
import os
import runpy
import shutil
import subprocess
import sys
from functools import partial

import pytest
import torch
from support.paths import ROOT

from tiny_audio_ssl import UserError, cli

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.run import bench

QUICK = {"runs": 4, "rounds": 2, "warm_up": 0}


def test_the_package_imports_neither_torch_nor_executorch():
    code = (
        "import sys, tiny_audio_ssl.bench, tiny_audio_ssl.bench.settings\n"
        "assert not {'torch', 'executorch', 'onnxruntime', 'matplotlib'} & sys.modules.keys()\n"
        "import tiny_audio_ssl.bench.rows, tiny_audio_ssl.bench.compare\n"
        "assert not {'torch', 'executorch', 'onnxruntime', 'matplotlib'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_row_for_each_artifact_and_the_eager_model(waveform_export):
    rows = bench(waveform_export, runs=5, warm_up=1, keep_samples=True)
    assert [row.artifact for row in rows] == [
        "eager waveform", "encoder.waveform.fp32.pte", "encoder.waveform.fp32.onnx",
    ]  # fmt: skip
    assert [row.runtime for row in rows] == ["torch", "executorch", "onnxruntime"]
    assert rows[0].speedup == 1.0 and rows[0].bytes is None
    for row in rows:
        assert len(row.samples_ms) == row.runs == 5
        assert 0 < row.min_ms <= row.p50_ms <= row.p90_ms
        assert (row.threads, row.device, row.window_ms) == (1, device_name(), 975.0)
    assert all(row.load_ms and row.bytes for row in rows[1:])


def test_one_artifact_without_samples(waveform_export):
    rows = bench([waveform_export / "encoder.waveform.fp32.onnx"], **QUICK)
    assert [row.artifact for row in rows] == ["eager waveform", "encoder.waveform.fp32.onnx"]
    assert rows[1].samples_ms == ()


def test_the_script_writes_csv_and_json(waveform_export, tmp_path, monkeypatch, capsys):
    script, target = ROOT / "benchmarks" / "latency.py", tmp_path / "latency.csv"
    arguments = [script, waveform_export, "--runs", "3", "--csv", target, "--json"]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    with target.open() as file:
        rows = list(csv.DictReader(file))
    printed = json.loads(capsys.readouterr().out)
    assert [row["artifact"] for row in rows] == [row["artifact"] for row in printed]
    assert {"device", "runtime", "version", "precision", "threads"} <= set(rows[0])


def test_peers_beside_artifacts(waveform_export, peer_files):
    rows = bench(
        (waveform_export / "encoder.waveform.fp32.onnx", *peer_files[:2]),
        baseline="encoder.waveform.fp32.onnx",
        **QUICK,
    )
    assert [row.model for row in rows] == [rows[0].model] * 2 + ["peer", "peer"]
    assert {row.baseline for row in rows} == {
        "encoder.waveform.fp32.onnx",
        f"{rows[1].model}/{rows[1].artifact}",
    }
    assert rows[1].speedup == 1.0
    for row in rows:
        assert row.speedup_low <= row.speedup <= row.speedup_high
        assert (row.rounds, row.runs, row.real_time_factor is None) == (2, 4, row.model == "peer")
    assert rows[2].of_peak and rows[3].of_peak is None  # the computation in a .pte is unknown
    (alone,) = bench(peer_files[0], **QUICK)
    assert alone.speedup is None and alone.baseline is None


def test_a_stream_is_timed_by_the_packet(stream_export):
    eager, artifact = bench(stream_export, **QUICK)
    assert (eager.artifact, artifact.input, artifact.baseline) == (
        "eager stream", "stream", "eager stream",
    )  # fmt: skip
    assert artifact.window_ms == 80.0
    assert artifact.real_time_factor == pytest.approx(artifact.p50_ms / 80)
    assert artifact.multiply_adds > 0


@pytest.mark.usefixtures("native_tools")
def test_native_artifacts_in_the_same_run(waveform_export, stream_export, tmp_path, capsys):
    chart = tmp_path / "chart.png"
    arguments = [str(waveform_export), str(stream_export), "--target", "host", "host-native"]
    arguments += ["--runs", "4", "--rounds", "2"]
    code = cli.run(["bench", *arguments, "--warm-up", "1", "--json", "--chart", str(chart)])
    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [row["target"] for row in rows] == ["host"] * 5 + ["host-native"] * 3
    native = rows[5:]
    assert [row["baseline"] for row in native] == ["eager waveform (host)"] * 2 + [
        "eager stream (host)"
    ]
    assert all(row["speedup"] and row["load_ms"] and row["peak_rss_kb"] > 1000 for row in native)
    assert {(row["rounds"], row["runs"]) for row in rows} == {(2, 4)}
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(
    not os.environ.get("CI") and not shutil.which("g++"), reason="apt-get install g++"
)
def test_torch_compile_is_timed_on_request(waveform_export, monkeypatch):
    """With a backend that compiles nothing: the real one takes half a minute."""
    quick = partial(torch.compile, backend="eager")
    monkeypatch.setattr("tiny_audio_ssl.bench.eager.torch.compile", quick)
    rows = bench(waveform_export / "encoder.waveform.fp32.onnx", compiled=True, **QUICK)
    assert [row.artifact for row in rows][:2] == ["eager waveform", "torch.compile waveform"]
    assert rows[1].baseline == "eager waveform"


def test_bad_requests_are_refused(waveform_export, tmp_path):
    with pytest.raises(UserError, match="not in"):
        bench([waveform_export / "other.onnx"])
    with pytest.raises(UserError, match=r"manifest\.json"):
        bench(tmp_path)
    with pytest.raises(UserError, match="threads is 0; expected"):
        bench(waveform_export, threads=0)
    with pytest.raises(
        UserError, match=r"'other.onnx' is not timed; expected one of eager waveform, enc"
    ):
        bench(waveform_export, baseline="other.onnx", **QUICK)
