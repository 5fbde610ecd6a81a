"""Operations a second, and how close an artifact comes to the peak."""

from __future__ import annotations

from support.measurements import measurement

from tiny_audio_ssl.bench.roofline import gflops
from tiny_audio_ssl.bench.rows import rows_of


def test_a_multiply_add_is_two_operations():
    assert gflops(1_000_000, 1.0) == 2.0  # two million operations in a millisecond


def test_share_of_the_peak():
    (row,) = rows_of([measurement("a.onnx", 0.5)])
    assert (row.gflops, row.of_peak) == (4.0, 0.04)
    (unknown,) = rows_of([measurement("a.onnx", 0.5, products=None)])
    assert unknown.gflops == 4.0 and unknown.of_peak is None
