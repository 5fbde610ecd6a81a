"""Rows as a chart."""

from __future__ import annotations

import pytest
from support.measurements import around, measurement

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.chart import check_chart, draw_chart
from tiny_audio_ssl.bench.rows import Row, rows_of


@pytest.fixture
def rows() -> list[Row]:
    return rows_of([
        measurement("eager waveform", 8.0),
        measurement("a.onnx", around(1.0, 0)),
        measurement("other.onnx", 2.0, model="peer"),
        measurement("a.onnx", 2.0, target="adb"),
    ])  # fmt: skip


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_the_same_rows_give_the_same_svg(tmp_path, rows, ending):
    pytest.importorskip("matplotlib")
    draw_chart(tmp_path / f"x{ending}", rows)
    first = (tmp_path / f"x{ending}").read_bytes()
    assert len(first) > 5000
    if ending == ".svg":
        draw_chart(tmp_path / "x.svg", rows)
        assert (tmp_path / "x.svg").read_bytes() == first


def test_a_dollar_sign_is_no_formula(tmp_path):
    pytest.importorskip("matplotlib")
    rows = rows_of([measurement("a.onnx", 2.0, model=r"$\frac{1}$, _x")])
    draw_chart(tmp_path / "x.svg", rows)
    assert (tmp_path / "x.svg").stat().st_size > 1000


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"ends with \.png or \.svg"):
        check_chart(tmp_path / "x.jpg")
