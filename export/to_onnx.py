"""To ONNX, for ONNX Runtime and what else reads it: any batch size, weights inside the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.lowering import folded
from tiny_audio_ssl.export.quantise import quantise_onnx
from tiny_audio_ssl.extras import require


def to_onnx(
    network: nn.Module,
    example: Tensor,
    target: Path,
    input_name: str,
    calibration: Tensor | None = None,
) -> None:
    """Write `network` as .onnx: `input_name` [batch, ...] -> `embedding` [batch, D].

    Args:
        network: in eval mode; takes one tensor, gives one.
        example: an input; all but its batch size is fixed.
        calibration: inputs [B, ...] to quantise by; None keeps float32.

    Raises `UserError` without the extra `onnx`.
    """
    given = None if calibration is None else (calibration,)
    write_onnx(network, {input_name: example}, ["embedding"], target, given)


def write_onnx(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    target: Path,
    calibration: tuple[Tensor, ...] | None = None,
) -> None:
    """`to_onnx` with several inputs (by name, an example of batch 1 each) and outputs."""
    require("onnxscript", "onnx")
    onnx = require("onnx", "onnx")
    batch = {0: torch.export.Dim("batch", min=1, max=4096)}
    with TemporaryDirectory() as folder:
        exact = target if calibration is None else Path(folder) / "float.onnx"
        torch.onnx.export(
            folded(network),
            tuple(x.expand(2, *x.shape[1:]).contiguous() for x in inputs.values()),
            exact,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=(batch,) * len(inputs),
            external_data=False,
            verbose=False,
        )
        if calibration is not None:
            quantise_onnx(exact, target, network, calibration)
    onnx.checker.check_model(target, full_check=True)
