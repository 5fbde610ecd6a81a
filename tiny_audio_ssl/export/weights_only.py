"""int8 weights in an .onnx that computes in float32: small files with almost no loss.

Each output channel has its own symmetric scale: 127 steps to the channel's largest weight. ONNX
Runtime dequantizes at each run, so this form saves bytes but no time.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tiny_audio_ssl.utils.extras import require

ENCODER_WEIGHT = re.compile(r"(^|\.)encoder\.(attention|body|project)\..*weight")
LARGEST = 127


def with_int8_weights(model: Any) -> Any:
    """Replace the encoder's weights in an `onnx.ModelProto` by int8 and DequantizeLinear, in place.

    Front-end and heads, which are small or sensitive, stay as they are.
    """
    onnx = require("onnx", "onnx")
    graph = model.graph
    found = [t for t in graph.initializer if ENCODER_WEIGHT.search(t.name) and len(t.dims) > 1]
    nodes = []
    for weight in found:
        integers, scale = quantized(onnx.numpy_helper.to_array(weight))
        names = [f"{weight.name}.int8", f"{weight.name}.scale"]
        arrays = zip((integers, scale), names, strict=True)
        graph.initializer.extend([onnx.numpy_helper.from_array(a, name) for a, name in arrays])
        nodes.append(onnx.helper.make_node("DequantizeLinear", names, [weight.name], axis=0))
        graph.initializer.remove(weight)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    return model


def quantized(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantize weights [channels, ...]; return int8 of that shape, and a scale for each channel."""
    peak = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scale = np.where(peak > 0, peak / LARGEST, 1).astype(np.float32)
    integers = np.round(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
    return integers.astype(np.int8), scale
