"""Rows as tables for a terminal."""

from __future__ import annotations

import pytest
from support.measurements import around, measurement

from tiny_audio_ssl.bench.roofline import MatrixProductSpeed
from tiny_audio_ssl.bench.rows import rows_of
from tiny_audio_ssl.bench.tables import tables


def test_a_table_for_each_device_and_model():
    made = tables(rows_of([
        measurement("eager waveform", 8.0),
        measurement("a.onnx", around(1.0, 0)),
        measurement("other.onnx", 2.0, model="peer"),
        measurement("a.onnx", 2.0, target="adb"),
    ]))  # fmt: skip
    assert [table.row_count for table in made] == [2, 1, 1]
    assert "not steady" in made[2].caption and "Pixel" in made[2].title


@pytest.mark.parametrize(("drift", "clean"), [(None, True), (1.1, True), (1.3, False)])
def test_a_drifting_machine_is_not_called_clean(drift, clean):
    products = MatrixProductSpeed(9.0, 8.0, drift)
    (table,) = tables(rows_of([measurement("a.onnx", 1.0, products=products)]))
    assert ("not clean" in table.caption) != clean
