"""Peers: read the input and the amount of computation of an .onnx or .pte without a manifest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.runtimes import prepare_runtime
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.quiet import executorch_hushed

Sizes = Mapping[str, Sequence[int]]  # shapes, by the names of the graph's values


@dataclass(frozen=True)
class Peer:
    """The input of a peer, float32 with a batch of one, and its amount of computation."""

    input: str
    shape: tuple[int, ...]
    window_ms: float | None  # if the input has a free length, which is then samples
    multiply_adds: int | None  # of convolutions and products; None: unknown, as for a .pte


def read(path: Path, peer_ms: float) -> Peer:
    """Read a peer from its file.

    Args:
        peer_ms: sound at 16 kHz for an input of free length.

    Raises `UserError`: no such file or not of that kind, several inputs, more than one free
    length, another type than float32; a missing extra.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give an export folder, or an .onnx or .pte file")
    return _onnx(path, peer_ms) if path.suffix == ".onnx" else _executorch(path)


def _executorch(path: Path) -> Peer:
    prepare_runtime("executorch")
    from executorch.runtime import Runtime

    with executorch_hushed():
        try:
            given = Runtime.get().load_program(path).load_method("forward").metadata
            inputs = [given.input_tensor_meta(i) for i in range(given.num_inputs())]
        except RuntimeError as error:
            raise UserError(f"{path}: ExecuTorch can't load it ({error})") from error
    if len(inputs) != 1:
        raise UserError(f"{path}: takes {len(inputs)} inputs; expected one")
    return Peer("input", tuple(inputs[0].sizes()), None, None)


def _onnx(path: Path, peer_ms: float) -> Peer:
    onnx = require("onnx", "onnx")
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf raises its own kinds
        raise UserError(f"{path}: not an ONNX file ({error})") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [given for given in model.graph.input if given.name not in constants]
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        kinds = ", ".join(given.name for given in inputs)
        raise UserError(f"{path}: takes {kinds or 'nothing'}; expected one input of type float32")
    shape, free = _resolve(path, inputs[0].type.tensor_type.shape.dim, peer_ms)
    for dim, size in zip(inputs[0].type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = size
    return Peer(inputs[0].name, shape, peer_ms if free else None, _multiply_adds(onnx, model))


def _resolve(path: Path, dims: Sequence[Any], peer_ms: float) -> tuple[tuple[int, ...], bool]:
    """Return the shape, and whether it had a free length, resolved as in the C++ runner."""
    sizes = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims]
    if len(sizes) > 1 and sizes[0] < 0:
        sizes[0] = 1
    free = sizes.count(-1)
    if free > 1:
        raise UserError(f"{path}: has {free} free lengths beside the batch; expected one at most")
    rest = round(peer_ms * SAMPLE_RATE_HZ / 1000) // math.prod(s for s in sizes if s > 0)
    if free and rest < 1:
        raise UserError(f"{path}: --peer-ms {peer_ms:g} is too short for an input of {sizes}")
    return tuple(rest if size < 0 else size for size in sizes), bool(free)


def _multiply_adds(onnx: Any, model: Any) -> int | None:
    """Count those of the graph for this input; None if a shape can't be inferred."""
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sizes: dict[str, Sequence[int]] = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        found = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if all(found):  # 0: not inferred
            sizes[value.name] = found
    try:
        return sum(COUNTED[node.op_type](node, sizes) for node in graph.node
                   if node.op_type in COUNTED) or None  # fmt: skip
    except KeyError:
        return None


def _convolution(node: Any, sizes: Sizes) -> int:
    """Count, for each output, the weights of its filter: [out, in / groups, *kernel]."""
    return math.prod(sizes[node.output[0]]) * math.prod(sizes[node.input[1]][1:])


def _product(node: Any, sizes: Sizes) -> int:
    """Count, for each output, the length of the row and column it comes from."""
    return math.prod(sizes[node.output[0]]) * sizes[node.input[0]][-1]


def _general_product(node: Any, sizes: Sizes) -> int:
    turned = next((a.i for a in node.attribute if a.name == "transA"), 0)
    rows = sizes[node.input[0]]
    return math.prod(sizes[node.output[0]]) * rows[0 if turned else 1]


COUNTED: dict[str, Callable[[Any, Sizes], int]] = {
    "Conv": _convolution,
    "MatMul": _product,
    "Gemm": _general_product,
}
