"""Lower an eager module to a graph that a mobile runtime can delegate as a whole.

Batch normalization is folded into the convolutions, and a few operators that XNNPACK does not
support are rewritten as others that it does. The eager model keeps the first form: on a phone,
training has gradients for `amax` and `mean`, but not for pooling layers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

aten = torch.ops.aten
Module = TypeVar("Module", bound=nn.Module)


def folded(model: Module) -> Module:
    """Return a copy in eval mode whose batch norms are folded into the convolutions before them."""
    model = copy.deepcopy(model).eval()
    for layers in [m for m in model.modules() if isinstance(m, nn.Sequential) and len(m) > 1]:
        if isinstance(layers[0], nn.Conv2d) and isinstance(layers[1], nn.BatchNorm2d):
            layers[0] = fuse_conv_bn_eval(layers[0], layers[1])
            layers[1] = nn.Identity()
    return model


def program(
    network: nn.Module, *example: Tensor, dims: Mapping[int, Any] | None = None
) -> ExportedProgram:
    """Return `network` as a graph for inputs shaped like `example`, except in the axes `dims`."""
    exported: ExportedProgram = torch.export.export(
        network, example, dynamic_shapes=(dict(dims or {}),) * len(example), strict=False
    )
    lowered: ExportedProgram = exported.run_decompositions(_DELEGABLE)
    return lowered


def _unsqueeze(x: Tensor, dim: int) -> Tensor:
    shape = list(x.shape)
    shape.insert(dim % (x.dim() + 1), 1)
    return x.view(shape)


def _select(x: Tensor, dim: int, index: int) -> Tensor:
    shape = [size for d, size in enumerate(x.shape) if d != dim % x.dim()]
    return x.narrow(dim, index % x.shape[dim], 1).view(shape)


def _split(x: Tensor, size: int, dim: int = 0) -> list[Tensor]:
    return [
        x.narrow(dim, start, min(size, x.shape[dim] - start))
        for start in range(0, x.shape[dim], size)
    ]


def _pooled(pool: Callable[..., Tensor]) -> Callable[..., object]:
    """Return a reduction over rows or columns of maps [B, C, R, T] as a pooling layer."""

    def reduce(maps: Tensor, dim: list[int], keepdim: bool = False, dtype: None = None) -> object:
        if not all(isinstance(size, int) for size in maps.shape[2:]):
            return NotImplemented  # a pooling layer's window is fixed
        dims = {d % maps.dim() for d in dim}
        window = [maps.shape[d] if d in dims else 1 for d in (2, 3)]
        if window != [1, 1]:  # which XNNPACK would refuse
            maps = pool(maps, window)
        if not keepdim:
            maps = maps.view([size for d, size in enumerate(maps.shape) if d not in dims])
        return maps

    return reduce


def _halved(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., object]:
    """Return a pairwise reduction over the rows of [B, R, N]; a pooling layer would transpose."""

    def reduce(x: Tensor, dim: list[int], keepdim: bool = False, dtype: None = None) -> object:
        if x.dim() != 3 or dim != [1] or keepdim:
            return NotImplemented  # which leaves the operator as it is
        odd: list[Tensor] = []
        while (half := x.shape[1] // 2) > 0:
            if x.shape[1] % 2:
                odd.append(x[:, 2 * half :])
            x = combine(x[:, :half], x[:, half : 2 * half])
        for row in odd:
            x = combine(x, row)
        return x.view(x.shape[0], x.shape[2])

    return reduce


def _largest(x: Tensor, dim: list[int], keepdim: bool = False) -> object:
    reduce: Callable[..., object] = (
        _pooled(F.max_pool2d) if x.dim() == 4 else _halved(torch.maximum)
    )
    return reduce(x, dim, keepdim)


_DELEGABLE: dict[torch._ops.OperatorBase, Callable[..., object]] = {
    aten.unsqueeze.default: _unsqueeze,
    aten.select.int: _select,
    aten.split.Tensor: _split,
    aten.amax.default: _largest,
    aten.mean.dim: _pooled(F.avg_pool2d),
    aten.sum.dim_IntList: _halved(torch.add),
}
