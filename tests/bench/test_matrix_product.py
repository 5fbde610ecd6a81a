"""Matrix products, timed in PyTorch and exported as an artifact."""

from __future__ import annotations

import numpy as np
import pytest

from tiny_audio_ssl.bench import matrix_product
from tiny_audio_ssl.bench.peers import read


def test_speed_follows_from_the_times(monkeypatch):
    ticks = iter(np.arange(0, 1, 0.001))  # every product takes a millisecond
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    found = matrix_product.speed_of([matrix_product.time_products() for _ in range(2)])
    assert found.peak_gflops == pytest.approx(2 * 512**3 / 1e6)
    assert found.typical_gflops == pytest.approx(2 * 256**3 / 1e6)
    assert found.drift == pytest.approx(1.0)


def test_drift_is_the_slowest_round_beside_the_fastest():
    rounds = [{256: [ms, 9.0, ms], 512: [8.0]} for ms in (1.0, 1.3, 1.1)]
    assert matrix_product.speed_of(rounds).drift == pytest.approx(1.3)


def test_the_exported_product_computes_what_its_subject_says(tmp_path):
    pytest.importorskip("onnxruntime")
    from tiny_audio_ssl.export.runtimes import open_artifact

    product = matrix_product.export_product(tmp_path, ".onnx")
    assert read(product.path, 975.0).multiply_adds == product.multiply_adds
    (shape,) = product.shapes
    assert open_artifact(product.path)(np.zeros(shape, np.float32)).shape == shape
