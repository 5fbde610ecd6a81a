"""Convolutions for short packets, without the columns of their kernels that only see padding.

Where a map has one column left, two thirds of a 3x3 kernel are multiplied by zeros, and the kernel
is most of what such a layer reads from memory.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.bodies import is_conv
from tiny_audio_ssl.models.encoders import Encoder


@torch.no_grad()
def drop_padded_columns(encoder: Encoder, frames: int) -> None:
    """Cut columns off the encoder's kernels that see only padding when it reads `frames` frames.

    Its output for inputs of this length stays the same.
    """
    widths: dict[nn.Conv2d, set[int]] = defaultdict(set)

    def note(module: nn.Conv2d, inputs: tuple[Tensor, ...]) -> None:
        widths[module].add(inputs[0].shape[3])

    convolutions = [m for m in encoder.body.modules() if is_conv(m)]
    hooks = [layer.register_forward_pre_hook(note) for layer in convolutions]
    encoder.maps(torch.zeros(1, 1, encoder.bands, frames))
    for hook in hooks:
        hook.remove()
    for layer, found in widths.items():
        if len(found) == 1 and layer.padding_mode == "zeros" and layer.padding != "same":
            _crop(layer, found.pop())


def _crop(layer: nn.Conv2d, width: int) -> None:
    """Crop the kernel for maps of this width, if the padding that is left can be symmetric."""
    (kernel, stride, dilation) = (
        sizes[1] for sizes in (layer.kernel_size, layer.stride, layer.dilation)
    )
    padding = int(layer.padding[1])
    columns = _columns(width, kernel, stride, padding, dilation)
    used = [
        place
        for place in range(kernel)
        if any(0 <= c * stride - padding + place * dilation < width for c in range(columns))
    ]
    first, kept = used[0], used[-1] - used[0] + 1
    left = padding - first * dilation
    if left < 0 or _columns(width, kept, stride, left, dilation) != columns:
        return
    layer.weight = nn.Parameter(layer.weight[..., first : first + kept].clone())
    layer.kernel_size = (layer.kernel_size[0], kept)
    layer.padding = (int(layer.padding[0]), left)


def _columns(width: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return the number of columns that a convolution gives."""
    return (width + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
