"""Export to ExecuTorch's .pte with XNNPACK: one shape, batch 1, in one delegate where possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from tiny_audio_ssl.export.config import Precision
from tiny_audio_ssl.export.half import in_half_precision
from tiny_audio_ssl.export.lowering import folded, program
from tiny_audio_ssl.export.quantize import quantized_graph
from tiny_audio_ssl.utils.extras import require


@dataclass(frozen=True)
class Operators:
    """Counts of operators by name, delegated to the runtime's fast path and not."""

    delegates: int
    delegated: dict[str, int]
    portable: dict[str, int]


def to_executorch(
    network: nn.Module,
    example: Tensor,
    target: Path,
    precision: Precision = "fp32",
    calibration: Tensor | None = None,
    dims: Mapping[int, Any] | None = None,
) -> Operators:
    """Write `network` as a .pte.

    Args:
        network: in eval mode; takes one tensor, gives one or several.
        example: an input; the artifact takes this shape only, but for the axes in `dims`, in which
            it must be of the largest size.
        precision: fp32, fp16 or int8.
        calibration: inputs [B, ...] to quantize by; for int8.
        dims: by axis, a `torch.export.Dim`.

    Raises `UserError` without the extra `executorch`.
    """
    network = folded(network)
    if precision == "int8":
        assert calibration is not None
        time = {axis: dim for axis, dim in (dims or {}).items() if axis > 0}
        network = quantized_graph(network, calibration, example, time)
    elif precision == "fp16":
        network = in_half_precision(network)
    return write_pte(program(network, example, dims=dims), target)


def write_pte(program: ExportedProgram, target: Path) -> Operators:
    """Write a graph of `lowering.program` as a .pte. Raises `UserError` without the extra."""
    require("executorch.exir", "executorch")
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    operators = _operators(edge.exported_program().graph_module)
    with target.open("wb") as file:
        edge.to_executorch().write_to_file(file)
    return operators


def _operators(graph: torch.fx.GraphModule) -> Operators:
    delegates = [
        getattr(graph, node.args[0].target).original_module.graph.nodes
        for node in graph.graph.nodes
        if "call_delegate" in str(node.target)
    ]
    inside = (node for nodes in delegates for node in nodes)
    return Operators(len(delegates), _count(inside), _count(graph.graph.nodes))


def _count(nodes: Iterable[torch.fx.Node]) -> dict[str, int]:
    """Count operators by names such as `convolution`; nodes that only pick a result or enter a
    delegate are none."""
    names = (
        str(node.target).removeprefix("<EdgeOpOverload: ").removeprefix("aten.").partition(".")[0]
        for node in nodes
        if node.op == "call_function" and hasattr(node.target, "_op")
    )
    return dict(sorted(Counter(names).items()))
