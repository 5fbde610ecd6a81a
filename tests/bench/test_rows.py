"""Rows of made-up measurements, as CSV and JSON."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from support.measurements import PHONE_RUN, around, measurement
from support.paths import ROOT

from tiny_audio_ssl.bench.compare import read_csv
from tiny_audio_ssl.bench.phone.energy import EnergyEstimate
from tiny_audio_ssl.bench.rows import as_dict, flat, rows_of, write_csv


def test_a_csv_has_a_line_for_each_row_under_all_columns(tmp_path):
    rows = rows_of(
        [measurement("a.onnx", around(1.0, 0)), measurement("a.onnx", 2.0, target="adb")]
    )
    write_csv(tmp_path / "x.csv", rows)
    lines = read_csv(tmp_path / "x.csv")
    assert [line["phone_soc"] for line in lines] == ["", "Tensor"]
    assert lines[1]["phone_max_mhz"] == "1803 2802" and lines[1]["phone_cpu_before_c"] == ""
    assert float(lines[0]["speedup"]) == pytest.approx(rows[0].speedup, rel=1e-5)
    assert lines[0]["samples_ms"] == ""


def test_the_columns_are_those_of_the_committed_table():
    with (ROOT / "benchmarks" / "results" / "latency.csv").open(newline="") as file:
        committed = next(csv.reader(file))
    (row,) = rows_of([measurement("a.onnx", 1.0)])
    assert list(flat(row)) == committed


def test_columns_of_a_phone():
    (row,) = rows_of([measurement("a.onnx", 2.0, target="adb")])
    assert as_dict(row)["phone"] == {
        "serial": "123",
        "soc": "Tensor",
        "cores": 8,
        "max_mhz": (1803, 2802),
        "through": "runner",
        "steady": False,
        "spread": pytest.approx(0.2 / 1.1),
        "battery_before_percent": 81.0,
        "battery_after_percent": 80.0,
        "battery_before_c": 27.4,
        "battery_after_c": 28.0,
        "cpu_before_c": None,
        "cpu_after_c": 38.0,
        "thermal_status_after": 0,
        "plugged": True,
        "screen_on": True,
        "power_save": False,
        "estimated_mwh_per_hour": None,
        "energy_note": "not requested",
    }


def test_energy_needs_the_duration_of_the_sound():
    run = replace(PHONE_RUN, energy=EnergyEstimate(1000.0, 2600.0, "current", 120))
    measured = replace(measurement("a.onnx", 9.75, target="adb"), phone_run=run)
    unknown = replace(measured, job=replace(measured.job, subject=replace(
        measured.job.subject, window_ms=None)))  # fmt: skip
    rows = rows_of([measured, unknown])
    assert rows[0].phone.estimated_mwh_per_hour == pytest.approx(1600 * 0.01)
    assert rows[1].phone.estimated_mwh_per_hour is None


def test_samples_are_kept_on_request():
    (row,) = rows_of([measurement("a.onnx", 2.0)], keep_samples=True)
    assert row.samples_ms == (2.0,) * 200 and (row.rounds, row.runs) == (10, 200)
    assert rows_of([measurement("a.onnx", 2.0)])[0].samples_ms == ()
