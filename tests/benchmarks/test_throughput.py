"""benchmarks/throughput.py runs and writes what it promises; how fast is not judged here."""

from __future__ import annotations

import csv
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

SCRIPT = ROOT / "benchmarks" / "throughput.py"
TINY = ["--batch-size", "8", "--rounds", "2", "--warm-up", "1", "--memory-takes", "1"]


def test_row_for_each_measurement(tmp_path: Path) -> None:
    target = tmp_path / "throughput.csv"
    command = [sys.executable, SCRIPT, "builtin:2", *TINY, "--encoders", "mobile", "--out", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "clips/s" in done.stdout
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("what", "encoder", "task", "corpus", "clips", "hours", "batch_size", "threads"),
        *("clips_per_s", "ratio", "memory_mb", "peak_mb", "step_ms"),
        *("device", "torch_version", "version"),
    ]
    whats = ["cache", "tensors", "files", "memory 1x", "memory 10x"]
    assert [row["what"] for row in rows] == whats
    assert [row["clips"] for row in rows] == ["16", "16", "16", "8", "80"]
    for row in rows:
        is_speed = not row["what"].startswith("memory")
        assert len(row["step_ms"].split()) == (2 if is_speed else 0)
        assert float(row["clips_per_s" if is_speed else "memory_mb"]) > 0
        assert row["threads"] == "1" and row["device"] and row["torch_version"] and row["version"]


def test_source_that_is_not_there_is_explained(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "nowhere", "--out", str(tmp_path / "x.csv")])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    printed = capsys.readouterr().err
    assert end.value.code == 2 and "not found; give a folder" in printed
    assert "Traceback" not in printed
