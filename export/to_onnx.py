"""To ONNX, for ONNX Runtime and what else reads it: any batch size, weights inside the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.heads import EMBEDDING
from tiny_audio_ssl.export.lowering import folded
from tiny_audio_ssl.export.quantise import quantise_onnx
from tiny_audio_ssl.extras import require


def to_onnx(
    network: nn.Module,
    example: Tensor,
    target: Path,
    input_name: str,
    calibration: Tensor | None = None,
    output_names: Sequence[str] = (EMBEDDING,),
) -> None:
    """Write `network` as .onnx: `input_name` [batch, ...] -> `embedding` [batch, D] (and others).

    Args:
        network: in eval mode; takes one tensor, gives as many as there are `output_names`.
        example: an input; all but its batch size is fixed.
        calibration: inputs [B, ...] to quantise by; None keeps float32.

    Raises `UserError` without the extra `onnx`.
    """
    require("onnxscript", "onnx")
    onnx = require("onnx", "onnx")
    with TemporaryDirectory() as folder:
        exact = target if calibration is None else Path(folder) / "float.onnx"
        torch.onnx.export(
            folded(network),
            (example.expand(2, *example.shape[1:]).contiguous(),),
            exact,
            dynamo=True,
            input_names=[input_name],
            output_names=list(output_names),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            external_data=False,
            verbose=False,
        )
        if calibration is not None:
            quantise_onnx(exact, target, network, calibration)
    onnx.checker.check_model(target, full_check=True)
