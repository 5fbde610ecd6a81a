"""The baseline of each measurement, and the name that its row gives."""

from __future__ import annotations

from support.measurements import measurement

from tiny_audio_ssl.bench.baseline import baseline_of
from tiny_audio_ssl.bench.rows import rows_of


def test_eager_with_the_same_input_is_the_baseline():
    measurements = [
        measurement("eager waveform", 8.0),
        measurement("eager mel", 4.0, kind="mel"),
        measurement("a.onnx", 1.0),
        measurement("b.onnx", 1.0, kind="mel"),
        measurement("a.onnx", 0.5, target="host-native"),
        measurement("a.onnx", 2.0, target="adb"),
        measurement("b.pte", 1.0, target="adb"),
        measurement("other.onnx", 1.0, model="peer"),
    ]
    rows = rows_of(measurements)
    assert [row.speedup for row in rows] == [1, 1, 8, 4, 16, 1, 2, None]
    assert rows[4].baseline == "eager waveform (host)" and rows[6].baseline == "a.onnx"


def test_a_named_baseline_is_the_one_most_alike():
    measurements = [
        measurement("a.onnx", 1.0),
        measurement("a.onnx", 2.0, model="theirs"),
        measurement("a.onnx", 4.0, model="theirs", target="host-native"),
        measurement("x.onnx", 8.0, model="peer"),
    ]
    assert [row.speedup for row in rows_of(measurements, "a.onnx")] == [1, 1, 1, 1 / 8]
    assert [row.speedup for row in rows_of(measurements, "theirs/a.onnx")] == [2, 1, 1, 1 / 4]
    on_phone = measurement("a.onnx", 1.0, target="adb")
    assert baseline_of(on_phone, measurements, "a.onnx") is None  # that device has none
