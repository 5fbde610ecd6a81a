"""Rows that a browser measured: read, shown, drawn, compared, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.bench.compare import compare, read_csv
from tiny_audio_ssl.bench.rows import as_dict, write_csv
from tiny_audio_ssl.bench.saved_json import read_json

ROW: dict[str, Any] = {
    "target": "web", "device": "Pixel 8 in Chromium", "system": "Chromium 156, Android 15",
    "model": "tiny", "artifact": "encoder.stream.int8.onnx", "runtime": "onnxruntime-web",
    "version": "1.30.0", "tiny_audio_ssl": "0.1.0", "precision": "int8", "input": "stream",
    "threads": 1, "cpus": [], "bytes": 1000, "window_ms": 160, "load_ms": 40.5,
    "first_run_ms": 3.0, "p50_ms": 1.5, "p50_low_ms": 1.4, "p50_high_ms": 1.6, "p90_ms": 2,
    "min_ms": 1.2, "real_time_factor": 0.009, "baseline": None, "speedup": None,
    "speedup_low": None, "speedup_high": None, "multiply_adds": None, "gflops": None,
    "peak_gflops": None, "typical_gflops": None, "peak_rss_kb": None, "rounds": 10, "runs": 100,
    "phone": None, "samples_ms": [], "of_peak": None,
    "web": {"browser": "Chromium 156", "processor": "arm 64-bit", "cores": 8, "isolated": True,
            "p99_ms": 2.5, "slowdown": 1.5},
}  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "phone.json").write_text(json.dumps([ROW]))
    return tmp_path / "phone.json"


def test_a_row_is_read_as_it_was_saved(saved):
    (row,) = read_json(saved)
    expected = ROW | {"cpus": (), "samples_ms": (), "machine_drift": None, "is_clean": None}
    assert as_dict(row) == expected
    slow = {**ROW, "p50_ms": 15.0, "p50_low_ms": 14.0, "p50_high_ms": 16.0}
    saved.write_text(json.dumps([slow]))
    (change,) = compare([{**line} for line in _lines(ROW, saved)], read_json(saved), 0.05).changes
    assert change.slower and change.old_p50_ms == 1.5


def _lines(row: dict[str, Any], beside: Path) -> list[dict[str, str]]:
    path = beside.with_name("before.json")
    path.write_text(json.dumps([row]))
    return read_csv(path)


def test_a_phone_is_a_row_of_table_csv_and_chart(saved, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    wanted = ["--csv", str(tmp_path / "rows.csv"), "--chart", str(tmp_path / "rows.svg")]
    assert cli.run(["bench", str(saved), *wanted]) == 0
    said = capsys.readouterr().out
    assert "tiny on Pixel 8 in Chromium, Chromium 156, Android 15" in said
    assert "the device slowed down, last runs / first: encoder.stream.int8.onnx (1.50)" in said
    (line,) = read_csv(tmp_path / "rows.csv")
    assert (line["web_processor"], line["web_slowdown"]) == ("arm 64-bit", "1.5")
    assert "Pixel 8" in (tmp_path / "rows.svg").read_text()
    assert cli.run(["bench", str(saved), "--compare", str(tmp_path / "rows.csv")]) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "can't be read"),
        ("{}", "no rows in it"),
        ("[]", "no rows in it"),
        ("[3]", "row 1: 3; expected an object"),
        (json.dumps([{k: v for k, v in ROW.items() if k != "p90_ms"}]), "no p90_ms"),
        (json.dumps([{**ROW, "p50_ms": "fast"}]), "p50_ms is 'fast'"),
        (json.dumps([{**ROW, "web": {"browser": "x"}}]), "row 1, web: no processor"),
    ],
)
def test_files_that_are_refused(tmp_path, content, said):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError, match=said):
        read_json(path)


def test_rows_of_the_csv_are_read_back(saved, tmp_path):
    rows = read_json(saved)
    write_csv(tmp_path / "x.csv", rows)
    assert compare(read_csv(tmp_path / "x.csv"), rows, 0.05).slower == []
