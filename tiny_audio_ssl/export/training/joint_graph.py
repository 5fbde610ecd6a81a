"""One graph for loss and gradients, of operators for which ExecuTorch has fast and correct kernels.

PyTorch differentiates the step. Then the forms in `decompositions` replace convolutions and their
like, transpositions that undo each other are dropped, and products of a transposed matrix become
`linear`, which needs no transposed copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    TensorArgument,
)

from tiny_audio_ssl.export.training.decompositions import OUTWARD, PRODUCTS
from tiny_audio_ssl.export.training.pytorch_private import (
    FakeTensorMode,
    NotCoveredError,
    differentiate,
    fake_mode,
    propagate_shapes,
    replace_graph,
    trace,
    without_duplicates,
)

aten = torch.ops.aten
VIEWS = {
    aten.view.default,
    aten._unsafe_view.default,
    aten.unsqueeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
}
ELEMENTWISE = {
    aten.relu.default,
    aten.sign.default,
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.mul.Tensor,
}


def joint_graph(step: nn.Module, inputs: Sequence[Tensor]) -> ExportedProgram:
    """Return the program of `step` and its gradients.

    Args:
        step: gives the loss, then other outputs that no gradient reaches.
        inputs: examples; their shapes are those of the artifact.
    """
    joint = differentiate(torch.export.export(step, tuple(inputs), strict=False), PRODUCTS.keys())
    module, signature = joint.graph_module, joint.graph_signature
    mode = fake_mode(module)
    for node in list(module.graph.nodes):
        if node.target in PRODUCTS:
            _expand(node, module, mode)
    _simplify(module.graph)
    constants = _lifted(module, signature, mode)
    module.graph = without_duplicates(module.graph)  # such as windows that both passes gather
    _describe(module, signature, mode)
    return replace_graph(joint, module, signature, constants)


def _expand(node: fx.Node, module: fx.GraphModule, mode: FakeTensorMode) -> None:
    """Replace a node by its form in `PRODUCTS`; one that this does not cover stays."""
    try:
        inner, nodes = trace(PRODUCTS[node.target], node, mode)  # type: ignore[index]
    except NotCoveredError:
        return
    for constant in [n for n in inner.graph.nodes if n.op == "get_attr"]:
        constant.target = _kept(module, getattr(inner, str(constant.target)))
    placeholders = inner.graph.find_nodes(op="placeholder")
    with module.graph.inserting_before(node):
        out = module.graph.graph_copy(inner.graph, dict(zip(placeholders, nodes, strict=True)))
    if isinstance(out, fx.Node):
        node.replace_all_uses_with(out)
    else:
        for user in list(node.users):  # operator.getitem
            user.replace_all_uses_with(out[user.args[1]])  # type: ignore[index, arg-type]
            module.graph.erase_node(user)
    module.graph.erase_node(node)


def _kept(module: fx.GraphModule, values: Tensor) -> str:
    """Keep a constant in the module, equal ones once; return its name."""
    names = [name for name in vars(module) if name.startswith("places_")]
    for name in names:
        if torch.equal(getattr(module, name), values):
            return name
    setattr(module, name := f"places_{len(names)}", values)
    return name


def _simplify(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.target in (aten.alias.default, aten.detach.default):
            node.replace_all_uses_with(node.args[0])
        elif node.target in ELEMENTWISE:
            _before_transposition(node)
        elif node.target is aten.t.default:
            node.target, node.args = aten.permute.default, (node.args[0], [1, 0])
    for node in list(graph.nodes):
        if node.target is aten.permute.default:
            _cancel(node)
        elif node.target in VIEWS:
            _look_through(node)
        elif node.target in (aten.mm.default, aten.addmm.default):
            _as_linear(node)
    graph.eliminate_dead_code()


def _before_transposition(node: fx.Node) -> None:
    """Move an elementwise operator of maps that were just transposed before the transposition."""
    maps = node.all_input_nodes
    if not all(_permutes(n, OUTWARD) for n in maps):
        return
    node.args = tuple(n.args[0] if isinstance(n, fx.Node) else n for n in node.args)
    with node.graph.inserting_after(node):
        after = node.graph.call_function(aten.permute.default, (node, list(OUTWARD)))
    node.replace_all_uses_with(after, delete_user_cb=lambda user: user is not after)
    after.meta = dict(node.meta)


def _cancel(node: fx.Node) -> None:
    """Drop a transposition that undoes the one before it."""
    before = node.args[0]
    if isinstance(before, fx.Node) and before.target is aten.permute.default:
        order: Any = [before.args[1][axis] for axis in node.args[1]]  # type: ignore[index, union-attr]
        if order == sorted(order):
            node.replace_all_uses_with(before.args[0])  # type: ignore[arg-type]


def _look_through(node: fx.Node) -> None:
    """Keep only the last of several views in a row; as a copy, since the maps may be laid out
    differently from when they were traced."""
    before = node.args[0]
    if isinstance(before, fx.Node) and before.target in VIEWS:
        before = before.args[0]
    node.target, node.args = aten.reshape.default, (before, list(node.meta["val"].shape))


def _as_linear(node: fx.Node) -> None:
    """Write a b^T + bias as `linear`: ExecuTorch's `addmm` is a plain loop, and transposing
    copies."""
    *bias, left, right = node.args
    row = not bias or bias[0].meta["val"].dim() == 1  # type: ignore[union-attr]
    if isinstance(right, fx.Node) and _permutes(right, (1, 0)) and row and not node.kwargs:
        node.target = aten.linear.default
        node.args = (left, right.args[0], *bias)


def _permutes(node: fx.Node, order: Sequence[int]) -> bool:
    return node.target is aten.permute.default and tuple(node.args[1]) == tuple(order)  # type: ignore[arg-type]


def _describe(
    module: fx.GraphModule, signature: ExportGraphSignature, mode: FakeTensorMode
) -> None:
    """Update the shapes of all values and the outputs' names in the signature."""
    propagate_shapes(module, mode)
    (outputs,) = module.graph.find_nodes(op="output")[0].args
    for spec, node in zip(signature.output_specs, outputs, strict=True):
        if isinstance(node, fx.Node):
            spec.arg.name = node.name  # type: ignore[union-attr]
    module.recompile()


def _lifted(
    module: fx.GraphModule, signature: ExportGraphSignature, mode: FakeTensorMode
) -> dict[str, Tensor]:
    """Make constants inputs of the graph, before the user's; return them by name."""
    user = next(i for i, s in enumerate(signature.input_specs) if s.kind is InputKind.USER_INPUT)
    first = module.graph.find_nodes(op="placeholder")[user]
    constants: dict[str, Tensor] = {}
    lifted: dict[str, fx.Node] = {}
    for node in module.graph.find_nodes(op="get_attr"):
        name = str(node.target)
        if name not in constants:
            constants[name] = getattr(module, name)
            with module.graph.inserting_before(first):
                lifted[name] = module.graph.placeholder(name)
            lifted[name].meta["val"] = mode.from_tensor(constants[name])
            spec = InputSpec(InputKind.CONSTANT_TENSOR, TensorArgument(lifted[name].name), name)
            signature.input_specs.insert(user, spec)
            user += 1
        node.replace_all_uses_with(lifted[name])
        module.graph.erase_node(node)
    return constants
