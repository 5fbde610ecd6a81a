"""Every private part of PyTorch and ExecuTorch that training on a device rests on.

Neither has a public way to export a training step whose operators one chooses. The parts used:

| here                    | private part                                                          |
|-------------------------|-----------------------------------------------------------------------|
| `differentiate`         | `torch.export.exported_program._decompose_exported_program` with      |
|                         | `joint_loss_index`, as `torch.export.experimental.                    |
|                         | _export_forward_backward` calls it; `torch._decomp`; `OpOverload`'s   |
|                         | `py_kernels` and `_dispatch_cache`                                    |
| `fake_mode`             | `torch._export.utils._detect_fake_mode_from_gm`                       |
| `GuardOn...SymNode`     | `torch.fx.experimental.symbolic_shapes`                               |
| `trace`                 | `torch.fx.experimental.proxy_tensor.make_fx`, `torch.utils._pytree`   |
| `propagate_shapes`      | `torch.fx.passes.fake_tensor_prop.FakeTensorProp`                     |
| `without_duplicates`    | `torch._functorch.compile_utils.fx_graph_cse`                         |
| `replace_graph`         | `ExportedProgram._update`                                             |
| `constant`              | `torch.utils._python_dispatch._disable_current_modes`                 |
| `to_training_program`   | `EdgeCompileConfig._check_ir_validity`, `_skip_dim_order`             |
| `load_training_module`  | `executorch.extension.training._load_for_executorch_for_training`     |

What breaks at an upgrade of torch or executorch: a name that moved fails at import or at the call,
with its name. A changed meaning shows as an operator that `to_training` refuses (one that
`decompositions` no longer replaces), or as a wrong gradient.

How to check: `pytest tests/export/training` compares every operator and every loss with eager
PyTorch, and five steps of two whole tasks. Then `python benchmarks/training_step.py`: a step that
became several times slower has operators that are decomposed differently.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch._decomp import core_aten_decompositions
from torch._export.utils import _detect_fake_mode_from_gm
from torch._functorch.compile_utils import fx_graph_cse
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.export.exported_program import _decompose_exported_program
from torch.export.graph_signature import ExportGraphSignature
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.fx.passes.fake_tensor_prop import FakeTensorProp
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import _disable_current_modes

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.quiet import executorch_hushed, exporters_hushed

__all__ = ["FakeTensorMode", "GuardOnDataDependentSymNode"]

METHOD = "forward"
aten = torch.ops.aten
# PyTorch has Python kernels for these that index before anything is differentiated.
TAKEN_APART = (aten.upsample_nearest2d.default, aten.upsample_nearest2d.vec)


def differentiate(
    exported: ExportedProgram, kept: Collection[torch._ops.OperatorBase]
) -> ExportedProgram:
    """Return the program of a step and its gradients; its first output is the loss.

    `kept`: operators that are not decomposed.
    """
    table: Any = core_aten_decompositions()
    with _kept_whole():
        joint: ExportedProgram = _decompose_exported_program(
            exported,
            cia_to_decomp={},
            python_decomp_table={
                op: how for op, how in table.items() if op not in {*kept, *TAKEN_APART}
            },
            joint_loss_index=0,
            decompose_custom_triton_ops=False,
        )
    return joint


@contextlib.contextmanager
def _kept_whole() -> Iterator[None]:
    """Differentiate TAKEN_APART as the operators that they are."""
    kernels = {op: dict(op.py_kernels) for op in TAKEN_APART}
    try:
        for op in TAKEN_APART:
            op.py_kernels.clear()
            op._dispatch_cache.clear()
        yield
    finally:
        for op, kept in kernels.items():
            op.py_kernels.update(kept)
            op._dispatch_cache.clear()


def fake_mode(module: fx.GraphModule) -> FakeTensorMode:
    """Return the mode that the graph's values, which have shapes but no numbers, belong to."""
    mode = _detect_fake_mode_from_gm(module)
    assert mode is not None
    return mode


class NotCoveredError(Exception):
    """A function gave NotImplemented for the arguments of a node."""


def trace(
    function: Callable[..., Any], node: fx.Node, mode: FakeTensorMode
) -> tuple[fx.GraphModule, list[fx.Node]]:
    """Trace `function` on the arguments of `node`.

    Returns the graph, and the nodes that its placeholders stand for. Raises `NotCoveredError`.
    """
    flat, spec = pytree.tree_flatten(node.args)
    nodes = [value for value in flat if isinstance(value, fx.Node)]

    def call(*tensors: Tensor) -> Any:
        given = iter(tensors)
        args = [next(given) if isinstance(value, fx.Node) else value for value in flat]
        out = function(*pytree.tree_unflatten(args, spec))
        if out is NotImplemented:
            raise NotCoveredError
        return out

    with mode:
        return make_fx(call)(*(n.meta["val"] for n in nodes)), nodes


def propagate_shapes(module: fx.GraphModule, mode: FakeTensorMode) -> None:
    """Work out the shape of every value in the graph anew."""
    with mode:
        FakeTensorProp(module, mode).propagate_dont_convert_inputs(
            *(n.meta["val"] for n in module.graph.find_nodes(op="placeholder"))
        )


def without_duplicates(graph: fx.Graph) -> fx.Graph:
    """Return the graph with each value computed once."""
    unique: fx.Graph = fx_graph_cse(graph)
    return unique


def replace_graph(
    program: ExportedProgram,
    module: fx.GraphModule,
    signature: ExportGraphSignature,
    constants: Mapping[str, Tensor],
) -> ExportedProgram:
    """Return `program` with another graph, and constants beside its own."""
    updated: ExportedProgram = program._update(
        module, signature, constants={**program.constants, **constants}
    )
    return updated


def constant(values: Any) -> Tensor:
    """Return int32 values as a constant of the graph being traced, not as an operator in it."""
    with _disable_current_modes():
        return torch.tensor(values, dtype=torch.int32)


def to_training_program(program: ExportedProgram, kept: Sequence[torch._ops.OperatorBase]) -> Any:
    """Return ExecuTorch's edge program; `kept`: operators that are not decomposed."""
    from executorch.exir import EdgeCompileConfig, to_edge

    config = EdgeCompileConfig(
        _check_ir_validity=False, _skip_dim_order=True, preserve_ops=list(kept)
    )
    return to_edge(program, compile_config=config)


def load_training_module(path: Path) -> Any:
    """Load a .pte in ExecuTorch's training runtime. Raises `UserError` if it can't be loaded."""
    from executorch.extension.training import _load_for_executorch_for_training

    try:
        with executorch_hushed(), exporters_hushed():
            return _load_for_executorch_for_training(str(path))
    except RuntimeError as error:
        raise UserError(f"{path}: its runtime can't load it ({error}); export it again") from error
