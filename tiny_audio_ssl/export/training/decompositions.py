"""Convolutions, pooling, upsampling, group norm and their gradients as gathers and products.

ExecuTorch's portable convolution and its gradient are plain loops: 95 % of a training step. Its
matrix product and its copies of whole rows are fast. So maps are laid out [C, rows, columns, B],
where the values that one place has in all clips lie together: a window is then one `index_select`
with constant places, a convolution the product of that with the weights, and so are both its
gradients. What a function here does not cover is left as it is, for `to_training` to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl.export.training.places import (
    Places,
    nearest_places,
    pooled_size,
    returned_places,
    window_places,
)
from tiny_audio_ssl.export.training.pytorch_private import constant

aten = torch.ops.aten
INWARD, OUTWARD = (1, 2, 3, 0), (3, 0, 1, 2)  # [B, C, R, T] to [C, R, T, B], and back


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Any:
    """`aten.convolution`: dense or depthwise, two-dimensional."""
    if not _covered(x, weight, dilation, transposed, groups):
        return NotImplemented
    size = [
        (n + 2 * p - k) // s + 1
        for n, p, k, s in zip(x.shape[2:], padding, weight.shape[2:], stride, strict=True)
    ]
    places = window_places(x.shape[2:], weight.shape[2:], stride, padding, size)
    y = _product(weight.flatten(2), _gathered(_inward(x), places), groups)
    if bias is not None:
        y = y + bias[:, None]
    return _outward(y, size, len(x))


def convolution_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: list[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> Any:
    """`aten.convolution_backward`: of input, weight and bias."""
    if not _covered(x, weight, dilation, transposed, groups):
        return NotImplemented
    g = _inward(grad)  # [O, Q, B]
    taps = weight.flatten(2)
    places = window_places(x.shape[2:], weight.shape[2:], stride, padding, grad.shape[2:])
    of_x = of_weight = None
    if output_mask[1]:
        columns = _gathered(_inward(x), places).flatten(2)  # [C, k, Q * B]
        if groups > 1:
            of_weight = torch.bmm(columns, g.reshape(len(g), -1, 1))
        else:
            of_weight = torch.mm(g.flatten(1), columns.flatten(0, 1).t())
        of_weight = of_weight.reshape(weight.shape)
    if output_mask[0]:
        of_x = _of_input(g, taps, returned_places(places, x.shape[2:].numel()), groups)
        of_x = _outward(of_x, x.shape[2:], len(x))
    return of_x, of_weight, g.flatten(1).sum(1) if output_mask[2] else None


def _of_input(g: Tensor, taps: Tensor, back: Places, groups: int) -> Tensor:
    """Return the gradient of the input [C, P, B]: places that the same taps reach are one product.

    With a stride, each place is reached by a part of the taps only.
    """
    if groups == 1:
        taps = taps.transpose(0, 1)
    parts, order = [], []
    for positions, used in _reached_alike(back):
        kept = taps if len(used) == len(back) else taps.index_select(2, constant(used))
        part = _product(kept, _gathered(g, back[np.ix_(used, positions)]), groups)
        parts.append(part.reshape(len(part), len(positions), -1))
        order += positions
    if len(parts) == 1:
        return parts[0]
    return torch.cat(parts, 1).index_select(1, constant(np.argsort(order)))


def _reached_alike(back: Places) -> list[tuple[list[int], list[int]]]:
    """Group positions, each with the taps that reach any of the group.

    A position at the border lacks taps; it joins the smallest group that has all of its taps.
    """
    reached = [frozenset(np.flatnonzero(column >= 0).tolist()) for column in back.T]
    full = [taps for taps in set(reached) if not any(taps < other for other in reached)]
    full.sort(key=lambda taps: (len(taps), sorted(taps)))
    groups: dict[frozenset[int], list[int]] = {taps: [] for taps in full}
    for position, taps in enumerate(reached):
        groups[next(group for group in full if taps <= group)].append(position)
    return [(positions, sorted(taps)) for taps, positions in groups.items()]


def max_pool(
    x: Tensor,
    kernel: list[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> Any:
    """`aten.max_pool2d_with_indices`, windows side by side. Its indices are left empty: the
    gradient finds the maximum again, and a program that reads them is refused."""
    if list(stride or kernel) != list(kernel) or any(padding) or set(dilation) != {1}:
        return NotImplemented
    size = pooled_size(x, kernel, ceil_mode)
    places = window_places(x.shape[2:], kernel, kernel, [0, 0], size)
    y = _outward(_gathered(_inward(x), places, float("-inf")).amax(1), size, len(x))
    return y, torch.empty_like(y, dtype=torch.int64)


def max_pool_backward(
    grad: Tensor,
    x: Tensor,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
    indices: Tensor,
) -> Any:
    """`aten.max_pool2d_with_indices_backward`: as in eager, the first of equal values gets it.

    ExecuTorch has a kernel of this name whose results are wrong.
    """
    if list(stride or kernel) != list(kernel) or any(padding) or set(dilation) != {1}:
        return NotImplemented
    places = window_places(x.shape[2:], kernel, kernel, [0, 0], grad.shape[2:])
    columns = _gathered(_inward(x), places, float("-inf"))  # [C, k, Q, B]
    largest, g = columns.amax(1), _inward(grad)
    shares = []
    for tap in range(len(places)):
        # 1 where this is the maximum: comparisons are slower than signs, which portable code has.
        share = g - g * torch.sign(largest - columns[:, tap])
        shares.append(share)
        g = g - share
    back = returned_places(places, x.shape[2:].numel())
    tap = back.argmax(0)  # the only one that reaches the place
    of_x = torch.cat(shares, 1).index_select(1, constant(tap * places.shape[1] + back.max(0)))
    return _outward(of_x, x.shape[2:], len(x))


def upsample(x: Tensor, output_size: list[int], *scales: float | None) -> Tensor:
    """`aten.upsample_nearest2d`"""
    places = nearest_places(x.shape[2:], output_size)
    return _outward(_gathered(_inward(x), places), output_size, len(x))


def upsample_backward(
    grad: Tensor, output_size: list[int], input_size: list[int], *scales: float | None
) -> Tensor:
    """`aten.upsample_nearest2d_backward`: of each place, the sum over its copies."""
    places = nearest_places(input_size[2:], output_size)[0]
    copies = [np.flatnonzero(places == place) for place in range(input_size[2] * input_size[3])]
    back = np.full((max(map(len, copies)), len(copies)), -1)
    for place, found in enumerate(copies):
        back[: len(found), place] = found
    return _outward(_gathered(_inward(grad), back).sum(1), input_size[2:], len(grad))


def group_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    batch: int,
    channels: int,
    places: int,
    groups: int,
    eps: float,
) -> Any:
    """`aten.native_group_norm` of maps: gives mean and 1 / deviation too, both [B, groups]."""
    if x.dim() != len(INWARD):
        return NotImplemented
    inward = _inward(x)
    grouped = inward.reshape(groups, -1, batch)
    count = grouped.shape[1]
    mean = grouped.sum(1) / count  # [G, B]
    apart = grouped - mean[:, None]
    rstd = torch.rsqrt((apart * apart).sum(1) / count + eps)
    normal = (apart * rstd[:, None]).reshape(channels, -1)
    y = normal * weight[:, None] + bias[:, None]
    return _outward(y, x.shape[2:], batch), mean.t(), rstd.t()


def group_norm_backward(
    grad: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor,
    batch: int,
    channels: int,
    places: int,
    groups: int,
    output_mask: list[bool],
) -> Any:
    """`aten.native_group_norm_backward` of maps (Wu and He 2018, arXiv 1803.08494, equation 1)."""
    if x.dim() != len(INWARD):
        return NotImplemented
    g, inward = _inward(grad), _inward(x)
    grouped = inward.reshape(groups, -1, batch)
    count = grouped.shape[1]
    rstd = rstd.t()[:, None]
    normal = (grouped - mean.t()[:, None]) * rstd
    flat = g.reshape(channels, -1)
    of_normal = (flat * weight[:, None]).reshape(grouped.shape)
    along = (of_normal * normal).sum(1, keepdim=True) / count
    common = of_normal.sum(1, keepdim=True) / count
    of_x = ((of_normal - common - normal * along) * rstd).reshape(inward.shape)
    of_weight = (flat * normal.reshape(flat.shape)).sum(1)
    return _outward(of_x, x.shape[2:], batch), of_weight, flat.sum(1)


def relu_backward(grad: Tensor, out: Tensor, threshold: float) -> Any:
    """`aten.threshold_backward` of ReLU, whose output's sign is its slope."""
    return grad * torch.sign(out) if threshold == 0 else NotImplemented


PRODUCTS: dict[torch._ops.OperatorBase, Callable[..., Any]] = {
    aten.convolution.default: convolution,
    aten.convolution_backward.default: convolution_backward,
    aten.max_pool2d_with_indices.default: max_pool,
    aten.max_pool2d_with_indices_backward.default: max_pool_backward,
    aten.upsample_nearest2d.default: upsample,
    aten.upsample_nearest2d_backward.default: upsample_backward,
    aten.native_group_norm.default: group_norm,
    aten.native_group_norm_backward.default: group_norm_backward,
    aten.threshold_backward.default: relu_backward,
}


def _inward(x: Tensor) -> Tensor:
    """[B, C, R, T] -> [C, R * T, B]"""
    return x.permute(INWARD).flatten(1, 2)


def _outward(y: Tensor, size: Sequence[int], batch: int) -> Tensor:
    """[C, R * T (, B or times B)] -> [B, C, R, T]"""
    return y.reshape(len(y), *size, batch).permute(OUTWARD)


def _gathered(x: Tensor, places: Places, outside: float = 0.0) -> Tensor:
    """[C, P, B] -> [C, taps, outputs, B]"""
    channels, size, batch = x.shape
    shape = (channels, *places.shape, batch)
    if np.array_equal(places, np.arange(size)[None]):
        return x.reshape(shape)
    if (places < 0).any():
        x = torch.cat([x, torch.full((channels, 1, batch), outside)], 1)
        places = np.where(places < 0, size, places)
    return x.index_select(1, constant(places.ravel())).reshape(shape)


def _product(taps: Tensor, columns: Tensor, groups: int) -> Tensor:
    """Weights [O, C, k] (depthwise: [C, 1, k]) by columns [C, k, Q, B] -> [O, Q * B]."""
    columns = columns.flatten(2)
    if groups > 1:
        return torch.bmm(taps, columns).squeeze(1)
    return torch.mm(taps.flatten(1), columns.flatten(0, 1))


def _covered(x: Tensor, weight: Tensor, dilation: list[int], transposed: bool, groups: int) -> bool:
    depthwise = groups == x.shape[1] == len(weight)
    return x.dim() == 4 and dilation == [1, 1] and not transposed and (groups == 1 or depthwise)
