"""Timing on this machine: what the rows hold, not how fast they are."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.paths import ROOT
from support.runs import make_run
from torch import nn

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.models.encoders import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench import device_name, measure, peers, subjects
from tiny_audio_ssl.bench.bench import Request, bench
from tiny_audio_ssl.bench.on_host import time_on_host
from tiny_audio_ssl.bench.timing import Settings
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.to_executorch import to_executorch
from tiny_audio_ssl.export.to_onnx import to_onnx
from tiny_audio_ssl.models.encoders import multiply_adds

QUICK = Settings(runs=4, rounds=2, warm_up=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=0.25), recordings=4)
    return export(run, precision="fp32", input="mel", parity=False).folder


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
    script = ROOT / "benchmarks" / "latency.py"
    target = tmp_path / "latency.csv"
    command = [sys.executable, script, folder, "--runs", "3", "--csv", target, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    with target.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["artifact"] for row in rows] == [row["artifact"] for row in json.loads(done.stdout)]
    assert {"device", "runtime", "version", "precision", "threads"} <= set(rows[0])


@pytest.fixture(scope="module")
def peer_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, nn.Module]:
    """The same network as .onnx and .pte, with no manifest beside them."""
    folder = tmp_path_factory.mktemp("peers")
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Flatten(),
                            nn.Linear(4 * 4 * 6, 5)).eval()  # fmt: skip
    example = torch.zeros(1, 1, 8, 10)
    to_onnx(network, example, folder / "other.onnx", "sound")
    to_executorch(network, example, folder / "other.pte")
    return folder / "other.onnx", folder / "other.pte", network


def test_a_peer_is_taken_as_it_is(peer_files):
    onnx_file, pte_file, network = peer_files
    found = peers.read(onnx_file, 975.0)
    assert (found.input, found.shape, found.window_ms) == ("sound", (1, 1, 8, 10), None)
    assert found.multiply_adds == multiply_adds(network, torch.zeros(1, 1, 8, 10))
    assert peers.read(pte_file, 975.0).shape == (1, 1, 8, 10)


def test_multiply_adds_of_the_graph_are_those_of_the_model(folder):
    entry = manifest.read(folder)["encoder"]
    (_, artifact) = subjects.find([folder / "encoder.mel.fp32.onnx"])
    assert artifact.multiply_adds == entry["multiply_adds"]
    assert (
        peers.read(folder / "encoder.mel.fp32.onnx", 975.0).multiply_adds == entry["multiply_adds"]
    )


def test_peers_beside_artifacts(folder, peer_files):
    request = Request(
        (folder / "encoder.mel.fp32.onnx", *peer_files[:2]),
        settings=QUICK,
        baseline="encoder.mel.fp32.onnx",
    )
    rows = bench(request)
    assert [row.model for row in rows] == [rows[0].model] * 2 + ["peer", "peer"]
    assert {row.baseline for row in rows} == {
        "encoder.mel.fp32.onnx",
        f"{rows[1].model}/{rows[1].artifact}",
    }
    assert rows[1].speedup == 1.0
    for row in rows:
        assert row.speedup_low <= row.speedup <= row.speedup_high
        assert (row.rounds, row.runs, row.real_time_factor is None) == (2, 4, row.model == "peer")
    assert rows[2].of_peak and rows[3].of_peak is None  # a .pte does not tell what it computes
    alone = bench(Request((peer_files[0],), settings=QUICK))
    assert alone[0].speedup is None and alone[0].baseline is None


def test_peers_that_cannot_be_fed(tmp_path):
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(UserError, match="not an ONNX file"):
        measure([tmp_path / "text.onnx"])
    with pytest.raises(UserError, match="not there"):
        measure([tmp_path / "nowhere.onnx"])
    (tmp_path / "text.pte").write_text("no program")
    with pytest.raises(UserError, match="ExecuTorch can't load it"):
        measure([tmp_path / "text.pte"])


def test_targets_refuse_what_they_cannot_do(folder):
    with pytest.raises(
        UserError, match=r"'other.onnx' is not timed; expected one of eager mel, enc"
    ):
        bench(Request((folder,), settings=QUICK, baseline="other.onnx"))
    varying = next(s for s in subjects.find([folder]) if s.path and s.path.suffix == ".pte")
    with pytest.raises(UserError, match="without --max-window-ms and --max-batch"):
        replace(varying, sizes_vary=True).check_native()


@pytest.fixture(scope="module")
def stream(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stream") / "packets"
    form = {"format": "onnx", "precision": "fp32", "input": "stream"}
    return export(folder.parent, out, packet_ms=80.0, parity=False, **form).folder


def test_a_stream_is_timed_by_the_packet(stream):
    eager, artifact = bench(Request((stream,), settings=QUICK))
    assert (eager.artifact, artifact.input, artifact.baseline) == (
        "eager stream", "stream", "eager stream",
    )  # fmt: skip
    assert artifact.window_ms == 80.0
    assert artifact.real_time_factor == pytest.approx(artifact.p50_ms / 80)
    assert artifact.multiply_adds > 0


def test_a_streams_state_is_handed_on(stream, monkeypatch):
    states = []

    def run(packet: np.ndarray, *state: np.ndarray) -> list[np.ndarray]:
        states.append([float(one.max()) for one in state])
        return [packet, packet, *(one + 1 for one in state)]

    monkeypatch.setattr("tiny_audio_ssl.bench.on_host.open_outputs", lambda path, threads: run)
    subject = next(s for s in subjects.find([stream]) if s.path)
    time_on_host([subject], Settings(runs=3, rounds=1, warm_up=2))
    # The first call, which does not count, is a stream of its own.
    assert states == [[0, 0]] + [[n, n] for n in range(6)]


@pytest.mark.usefixtures("native_tools")
def test_native_forms_in_the_same_run(folder, stream, tmp_path, capsys):
    chart = tmp_path / "chart.png"
    arguments = [str(folder), str(stream), "--target", "host", "host-native"]
    arguments += ["--runs", "4", "--rounds", "2"]
    code = cli.run(["bench", *arguments, "--warm-up", "1", "--json", "--chart", str(chart)])
    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [row["target"] for row in rows] == ["host"] * 5 + ["host-native"] * 3
    native = rows[5:]
    assert [row["baseline"] for row in native] == ["eager mel (host)"] * 2 + ["eager stream (host)"]
    assert all(row["speedup"] and row["load_ms"] and row["peak_rss_kb"] > 1000 for row in native)
    assert {(row["rounds"], row["runs"]) for row in rows} == {(2, 4)}
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(
    not os.environ.get("CI") and not shutil.which("g++"), reason="apt-get install g++"
)
def test_torch_compile_is_timed_on_request(folder, monkeypatch):
    """By a backend that compiles nothing: the real one takes half a minute."""
    quick = partial(torch.compile, backend="eager")
    monkeypatch.setattr("tiny_audio_ssl.bench.eager.torch.compile", quick)
    rows = bench(Request((folder / "encoder.mel.fp32.onnx",), settings=QUICK, compiled=True))
    assert [row.artifact for row in rows][:2] == ["eager mel", "torch.compile mel"]
    assert rows[1].baseline == "eager mel"
