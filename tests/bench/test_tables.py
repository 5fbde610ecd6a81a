"""Rows as tables for a terminal."""

from __future__ import annotations

import pytest
from support.measurements import around, measurement

from tiny_audio_ssl.bench.roofline import MatrixProductSpeed
from tiny_audio_ssl.bench.rows import rows_of
from tiny_audio_ssl.bench.tables import COLUMNS, MAIN_COLUMNS, tables


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


def test_a_narrow_table_has_the_main_columns():
    rows = rows_of([measurement("a.onnx", around(1.0, 0))])
    (wide,), (narrow,) = tables(rows), tables(rows, narrow=True)
    assert [column.header for column in wide.columns][1:] == list(COLUMNS)
    assert [column.header for column in narrow.columns][1:] == list(MAIN_COLUMNS)
    p50 = list(wide.columns[COLUMNS.index("p50") + 1].cells)
    assert p50 and p50 == list(narrow.columns[MAIN_COLUMNS.index("p50") + 1].cells)
