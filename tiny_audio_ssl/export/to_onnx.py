"""Export to ONNX, for ONNX Runtime and others: any batch size, weights inside the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.config import EMBEDDING, Precision
from tiny_audio_ssl.export.half import in_half_precision
from tiny_audio_ssl.export.lowering import folded
from tiny_audio_ssl.export.quantize import quantize_onnx
from tiny_audio_ssl.export.weights_only import with_int8_weights
from tiny_audio_ssl.utils.extras import require

MOST_FOLDED = 4096  # values; the front-end's weights are made of tables when it loads


def to_onnx(
    network: nn.Module,
    example: Tensor,
    target: Path,
    input_name: str,
    precision: Precision = "fp32",
    calibration: Tensor | None = None,
    output_names: Sequence[str] = (EMBEDDING,),
    dims: Mapping[int, Any] | None = None,
) -> None:
    """Write `network` as .onnx: `input_name` [batch, ...] -> `embedding` [batch, D] (and others).

    Args:
        network: in eval mode; takes one tensor, gives as many as there are `output_names`.
        example: an input; all but its batch size and the axes in `dims` is fixed.
        precision: fp32, fp16, int8-weights or int8.
        calibration: inputs [B, ...] to quantize by; for int8.

    Raises `UserError` without the extra `onnx`.
    """
    network = folded(network)
    if precision == "fp16":
        network = in_half_precision(network)
    given = None if calibration is None else (calibration,)
    write_onnx(network, {input_name: example}, target, output_names, precision, given, dims)


def write_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    target: Path,
    output_names: Sequence[str],
    precision: Precision = "fp32",
    calibration: tuple[Tensor, ...] | None = None,
    dims: Mapping[int, Any] | None = None,
    float_linear: bool = False,
) -> None:
    """Write `to_onnx`'s file for a network with several inputs.

    Args:
        network: with batch norm folded, and its encoder in half precision already where wanted.
        inputs: an example of each, by name.
        precision: int8 and int8-weights are made here.
        float_linear: in int8, keep the linear layer behind the convolutions in float32.
    """
    optimizer = require("onnxscript.optimizer", "onnx")
    onnx = require("onnx", "onnx")
    with TemporaryDirectory() as folder:
        made = Path(folder) / "made.onnx"
        torch.onnx.export(
            network,
            tuple(x[:1].expand(2, *x.shape[1:]).contiguous() for x in inputs.values()),
            made,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(output_names),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096), **(dims or {})},)
            * len(inputs),
            external_data=False,
            verbose=False,
            optimize=False,  # it stores what it folds, however large
        )
        model = optimizer.optimize(onnx.load(made), output_size_limit=MOST_FOLDED)
        onnx.save(model, made)
        if precision == "int8":
            assert calibration is not None
            quantize_onnx(made, made, network, calibration, float_linear)
        model = onnx.load(made)
    if precision == "int8-weights":
        with_int8_weights(model)
    onnx.save(_without_notes(model), target)
    onnx.checker.check_model(target, full_check=True)


def _without_notes(model: Any) -> Any:
    """Delete the exporter's notes on which line of which file each node came from: they are a third
    of a small model, and name folders of whoever exported it."""
    graph = model.graph
    values = (*graph.value_info, *graph.input, *graph.output)
    for part in (model, graph, *graph.node, *graph.initializer, *values):
        part.doc_string = ""
        del part.metadata_props[:]
    return model
