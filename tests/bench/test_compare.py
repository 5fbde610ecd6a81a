"""Comparing made-up measurements with those of another day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.measurements import around, measurement

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.bench.compare import compare, read_csv
from tiny_audio_ssl.bench.measurement import Measurement
from tiny_audio_ssl.bench.roofline import MatrixProductSpeed
from tiny_audio_ssl.bench.rows import rows_of, write_csv
from tiny_audio_ssl.bench.tables import change_table
from tiny_audio_ssl.utils.files import write_rows


def lines_of(folder: Path, *measurements: Measurement) -> list[dict[str, str]]:
    write_csv(folder / "old.csv", rows_of(measurements))
    return read_csv(folder / "old.csv")


@pytest.mark.parametrize(
    ("now_ms", "spread", "typical", "slower"),
    [
        (1.00, 0.01, 50.0, False),
        (1.04, 0.01, 50.0, False),  # slower for sure, but within the tolerance
        (1.20, 0.01, 50.0, True),
        (1.20, 0.01, 40.0, False),  # the machine has slowed by more
        (1.20, 0.01, 75.0, True),  # a faster machine excuses nothing
        (1.20, 1.50, 50.0, False),  # the intervals overlap
        (0.50, 0.01, 50.0, False),
    ],
)
def test_what_counts_as_slower(tmp_path, now_ms, spread, typical, slower):
    before = lines_of(tmp_path, measurement("a.onnx", around(1.0, 1, spread)))
    now = rows_of(
        [
            measurement(
                "a.onnx", around(now_ms, 2, spread), products=MatrixProductSpeed(100.0, typical)
            )
        ]
    )
    (change,) = compare(before, now, tolerance=0.05).changes
    assert change.slower == slower
    assert change.ratio.low < change.ratio.value < change.ratio.high
    assert change.drift == pytest.approx(50 / typical)


def test_the_same_code_rarely_counts_as_slower(tmp_path):
    found = []
    for day in range(50):
        before = lines_of(tmp_path, measurement("a.onnx", around(1.0, day, 0.1)))
        now = rows_of([measurement("a.onnx", around(1.0, 1000 + day, 0.1))])
        found.append(bool(compare(before, now, tolerance=0.0).slower))
    assert np.mean(found) < 0.1


def test_only_the_same_artifacts_are_compared(tmp_path):
    then = [measurement("a.onnx", 1.0), measurement("gone.onnx", 1.0)]
    before = lines_of(tmp_path, *then)
    now = rows_of([measurement("a.onnx", 1.0), measurement("a.onnx", 9.0, model="new")])
    found = compare(before, now, 0.05)
    assert [change.row.artifact for change in found.changes] == ["a.onnx"]
    assert [row.model for row in found.new] == ["new"] and found.gone == ["gone.onnx"]
    assert not found.slower and change_table(found, 0.05).row_count == 1
    with pytest.raises(UserError, match="same threads"):
        compare(before, rows_of([measurement("a.onnx", 1.0, threads=2)]), 0.05)


def test_another_device_is_refused(tmp_path):
    before = lines_of(tmp_path, measurement("a.onnx", 1.0))
    now = rows_of([measurement("a.onnx", 1.0), measurement("a.onnx", 1.0, target="adb")])
    with pytest.raises(UserError, match="target adb is 'Pixel' now; the file has times of no such"):
        compare(before, now, 0.05)
    code = cli.run(["bench", "nowhere", "--compare", str(tmp_path / "old.csv")])
    assert code == 2  # before anything is timed


def test_files_without_times_are_refused(tmp_path):
    with pytest.raises(UserError, match="can't be read"):
        read_csv(tmp_path / "nothing.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no times in it"):
        read_csv(tmp_path / "other.csv")


@pytest.mark.parametrize("change", ["no column", "no number"])
def test_table_of_another_version(tmp_path, change):
    (line,) = lines_of(tmp_path, measurement("a.onnx", around(1.0, 1, 0.01)))
    line |= {"tiny_audio_ssl": "9.9.9"}
    if change == "no column":
        del line["p50_low_ms"]
    else:
        line["p50_ms"] = "1.5 ms"
    write_rows(tmp_path / "new.csv", [line])
    with pytest.raises(UserError, match=r"p50.*, written by tiny-audio-ssl 9\.9\.9; this is"):
        read_csv(tmp_path / "new.csv")
