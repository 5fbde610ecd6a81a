"""int8 artifacts: what stays float32, and weights that no processor's kernel can overflow."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from support.exports import exported_once
from support.runs import make_run

pytest.importorskip("onnx")
pytest.importorskip("executorch")

import onnx
from onnx import numpy_helper

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.models.bodies import convolution_count
from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES, EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder


@pytest.fixture(scope="session", params=ENCODER_NAMES)
def quantized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 .onnx with the front-end inside, a linear layer behind the pooling, and cosines."""

    def make(folder: Path) -> ExportResult:
        parts = {"readout": ("last", "middle", "mel"), "middle_dct": 3, "mel_dct": 5}
        config = EncoderConfig(request.param, width=0.25, projection_dim=24, **parts)
        options = {"format": "onnx", "precision": "int8", "input": "waveform"}
        return export(make_run(folder, config), **options, calibration_clips=8, parity_clips=8,
            min_snr_db=10.0,  # of random weights
        )  # fmt: skip

    result = exported_once(tmp_path_factory, f"quantized-{request.param}", make)
    assert result.ok
    return result.artifacts[0].path


def test_front_end_stays_float(quantized):
    nodes = list(onnx.load(quantized).graph.node)
    made_by = {name: node for node in nodes for name in node.output}
    frontend, waiting = [], [node for node in nodes if node.op_type == "Log"]
    while waiting:
        frontend.append(waiting.pop())
        waiting += [made_by[name] for name in frontend[-1].input if name in made_by]
    assert len(frontend) > 10
    assert not any("Linear" in node.op_type for node in frontend)  # (De)QuantizeLinear
    assert sum(node.op_type == "DequantizeLinear" for node in nodes) > 10


def test_no_kernel_can_saturate(quantized):
    """Without VNNI, two products of activations (0..255) and weights are added in an int16.

    Which two is the kernel's choice, so the two largest weights of a channel must fit.
    """
    graph = onnx.load(quantized).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    users = defaultdict(list)  # a weight of several layers is stored once
    for node in graph.node:
        for name in node.input:
            users[name].append(node.op_type)
    found = []
    for node in graph.node:
        weight = arrays.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if weight is None or weight.dtype != np.int8:
            continue
        (axis,) = [a.i for a in node.attribute if a.name == "axis"]
        channels = np.moveaxis(np.abs(weight.astype(int)), axis, 0).reshape(weight.shape[axis], -1)
        largest_two = np.sort(channels, axis=1)[:, -2:].sum(axis=1)
        assert largest_two.max() * 255 <= np.iinfo(np.int16).max, node.input[0]
        found += users[node.output[0]]
    encoder = Encoder(EncoderConfig(manifest.read(quantized.parent)["encoder"]["name"]), 64)
    in_int8 = convolution_count(encoder.body[encoder.float_blocks :])
    assert found.count("Conv") == in_int8 > 0
    # The linear layer, but neither product with the cosines of the readout.
    assert found.count("Gemm") + found.count("MatMul") == 1
