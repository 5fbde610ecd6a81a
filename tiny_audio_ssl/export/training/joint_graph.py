"""One graph for loss and gradients, of operators that ExecuTorch has fast and right kernels for.

PyTorch differentiates the step; then what `products` knows takes the place of convolutions and
their like, transpositions that undo each other are dropped, and products of a transposed matrix
become `linear`, which needs no transposed copy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._decomp import core_aten_decompositions
from torch._export.utils import _detect_fake_mode_from_gm
from torch._functorch.compile_utils import fx_graph_cse
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.export.exported_program import _decompose_exported_program
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    TensorArgument,
)
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.passes.fake_tensor_prop import FakeTensorProp
from torch.utils import _pytree as pytree

from tiny_audio_ssl.export.training.decompositions import OUTWARD, PRODUCTS

aten = torch.ops.aten
# PyTorch has Python kernels for these that index before anything is differentiated.
TAKEN_APART = (aten.upsample_nearest2d.default, aten.upsample_nearest2d.vec)
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
    """The program of `step` and its gradients.

    Args:
        step: gives the loss, then other outputs that no gradient reaches.
        inputs: examples; their shapes are those of the artifact.
    """
    exported = torch.export.export(step, tuple(inputs), strict=False)
    table: Any = core_aten_decompositions()
    with _kept_whole():
        joint = _decompose_exported_program(
            exported,
            cia_to_decomp={},
            python_decomp_table={
                op: how for op, how in table.items() if op not in {*PRODUCTS, *TAKEN_APART}
            },
            joint_loss_index=0,
            decompose_custom_triton_ops=False,
        )
    module, signature = joint.graph_module, joint.graph_signature
    mode = _detect_fake_mode_from_gm(module)
    assert mode is not None
    for node in list(module.graph.nodes):
        if node.target in PRODUCTS:
            _expand(node, module, mode)
    _simplify(module.graph)
    constants = _lifted(module, signature, mode)
    module.graph = fx_graph_cse(module.graph)  # windows that both passes look through, for one
    _describe(module, signature, mode)
    program: ExportedProgram = joint._update(
        module, signature, constants={**joint.constants, **constants}
    )
    return program


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


class _NotCovered(Exception):
    """A stride, a dilation or the like that `products` does not write."""


def _expand(node: fx.Node, module: fx.GraphModule, mode: FakeTensorMode) -> None:
    """Put what `PRODUCTS` says in the place of a node; one that it does not cover stays."""
    flat, spec = pytree.tree_flatten(node.args)
    nodes = [value for value in flat if isinstance(value, fx.Node)]

    def call(*tensors: Tensor) -> Any:
        given = iter(tensors)
        args = [next(given) if isinstance(value, fx.Node) else value for value in flat]
        out = PRODUCTS[node.target](*pytree.tree_unflatten(args, spec))  # type: ignore[index]
        if out is NotImplemented:
            raise _NotCovered
        return out

    try:
        with mode:
            inner = make_fx(call)(*(n.meta["val"] for n in nodes))
    except _NotCovered:
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
    """The name of a constant of these values; the same ones are kept once."""
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
    """An elementwise operator of maps that were just brought outward takes them as they were."""
    maps = node.all_input_nodes
    if not all(_permutes(n, OUTWARD) for n in maps):
        return
    node.args = tuple(n.args[0] if isinstance(n, fx.Node) else n for n in node.args)
    with node.graph.inserting_after(node):
        after = node.graph.call_function(aten.permute.default, (node, list(OUTWARD)))
    node.replace_all_uses_with(after, delete_user_cb=lambda user: user is not after)
    after.meta = dict(node.meta)


def _cancel(node: fx.Node) -> None:
    """A transposition that undoes the one before it."""
    before = node.args[0]
    if isinstance(before, fx.Node) and before.target is aten.permute.default:
        order: Any = [before.args[1][axis] for axis in node.args[1]]  # type: ignore[index, union-attr]
        if order == sorted(order):
            node.replace_all_uses_with(before.args[0])  # type: ignore[arg-type]


def _look_through(node: fx.Node) -> None:
    """Of several views in a row only the last counts; of maps laid out otherwise than when it was
    traced, it has to be a copy."""
    before = node.args[0]
    if isinstance(before, fx.Node) and before.target in VIEWS:
        before = before.args[0]
    node.target, node.args = aten.reshape.default, (before, list(node.meta["val"].shape))


def _as_linear(node: fx.Node) -> None:
    """a b^T + bias: ExecuTorch's `addmm` is a plain loop, and transposing copies."""
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
    """Shapes of every value, and the signature's names of the outputs, after all changes."""
    with mode:
        FakeTensorProp(module, mode).propagate_dont_convert_inputs(
            *(n.meta["val"] for n in module.graph.find_nodes(op="placeholder"))
        )
    (outputs,) = module.graph.find_nodes(op="output")[0].args
    for spec, node in zip(signature.output_specs, outputs, strict=True):
        if isinstance(node, fx.Node):
            spec.arg.name = node.name  # type: ignore[union-attr]
    module.recompile()


def _lifted(
    module: fx.GraphModule, signature: ExportGraphSignature, mode: FakeTensorMode
) -> dict[str, Tensor]:
    """Constants become inputs of the graph, before the user's."""
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
