"""ENCODERS: the convolutions of each encoder, and the layers that they consist of.

To add an encoder, write its body below, and name it in ENCODERS and in
`encoder_config.ENCODER_NAMES`. The contract tests then run over it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeGuard

from torch import Tensor, nn

from tiny_audio_ssl.models.encoder_config import EncoderConfig, Norm
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.sinc import SincLogMel

REPEATED = 4  # index of the residual block of `mobile`


@dataclass(frozen=True)
class Body:
    """The convolutions of an encoder, and the properties that pooling and readout need."""

    blocks: nn.Sequential  # [B, 1, bands, frames] -> [B, channels, rows, columns]
    channels: int
    halvings: int = 5  # how often bands and frames are halved, rounding up
    middle: int = 1  # index of the block whose maps are the readout's "middle"
    middle_halvings: int = 2  # of these maps
    float_blocks: int = 3  # at the start, which int8 leaves in float32
    frontend: type[LogMel] = LogMel  # which makes the log-mel


def halved(size: int, times: int) -> int:
    """Return the number of rows or columns that remain after halving bands or frames, at least
    one."""
    for _ in range(times):
        size = -(-size // 2)
    return size


def channels(config: EncoderConfig, *wanted: int) -> list[int]:
    """Return the sizes of layers at the width of `config`, in multiples of 8."""
    return [max(8, round(c * config.width / 8) * 8) for c in wanted]


def convolution_count(blocks: nn.Module) -> int:
    """Return the number of convolutions in one pass, counting a repeated one each time."""
    again = [m for m in blocks.modules() if isinstance(m, Residual)]
    repeated = sum((m.times - 1) * convolution_count(m.block) for m in again)
    return sum(map(is_conv, blocks.modules())) + repeated


def is_conv(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return isinstance(module, nn.Conv2d)


def norm_layer(norm: Norm, size: int) -> nn.Module:
    return nn.BatchNorm2d(size) if norm == "batch" else nn.GroupNorm(math.gcd(8, size), size)


def convolution(
    norm: Norm, i: int, o: int, kernel: tuple[int, int], stride: int = 1
) -> nn.Sequential:
    """Build a convolution with normalization and ReLU; only the stride changes the size."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    layer = nn.Conv2d(i, o, kernel, stride, padding, bias=False)
    return nn.Sequential(layer, norm_layer(norm, o), nn.ReLU())


def separable(config: EncoderConfig) -> Body:
    """Build the encoder of arXiv 1905.11796, section 4.1: 3x1 and 1x3 convolutions, each pair
    pooled."""
    blocks, i = [], 1
    for o in channels(config, 8, 16, 32, 64, 128):
        blocks.append(
            nn.Sequential(
                convolution(config.norm, i, o, (3, 1)),
                convolution(config.norm, o, o, (1, 3)),
                # Rounding up keeps short inputs alive; for even sizes it changes nothing.
                nn.MaxPool2d(2, ceil_mode=True),
            )
        )
        i = o
    return Body(nn.Sequential(*blocks), i)


def mobile(config: EncoderConfig) -> Body:
    """Build strided depthwise-separable blocks (arXiv 1704.04861), all of whose operators train on
    a phone.

    Few blocks with large kernels, without ReLU between depthwise and pointwise convolution: more
    blocks with small kernels and ReLUs gave worse probes (before long inputs were sliced).
    """
    stem, *sizes = channels(config, 24, 48, 96, 128, 128, 128)
    blocks: list[nn.Module] = [convolution(config.norm, 1, stem, (5, 5), stride=2)]
    i = stem
    for o, kernel, stride in zip(sizes, (5, 5, 5, 5, 3), (2, 2, 2, 1, 2), strict=True):
        block = depthwise_separable(config.norm, i, o, kernel, stride)
        blocks.append(Residual(block) if stride == 1 else block)
        i = o
    return Body(nn.Sequential(*blocks), i)


def shared(config: EncoderConfig) -> Body:
    """Build `mobile` with its residual block applied four times with the same weights.

    After the transformer of Audio ALBERT (Chi et al. 2020, arXiv 2005.08575): deeper, and not
    larger. The block has neither normalization nor biases. Batch norm would need statistics of each
    application, and folding those into the convolutions would give each weights of its own; an int8
    layer's biases have the scale of its input, which differs with each application too.
    """
    body = mobile(config)
    size = body.channels
    depthwise = nn.Conv2d(size, size, 5, padding=2, groups=size, bias=False)
    pointwise = nn.Conv2d(size, size, 1, bias=False)
    block = nn.Sequential(depthwise, pointwise, nn.ReLU())
    body.blocks[REPEATED] = Residual(block, times=4)
    return body


def sinc_mobile(config: EncoderConfig) -> Body:
    """Build `mobile` behind learned band-pass filters (see `models.sinc`)."""
    return replace(mobile(config), frontend=SincLogMel)


def dense(config: EncoderConfig) -> Body:
    """Build a stem that downsamples 4 x 4 at once, and dense 3x3 layers on the coarse grid.

    A few operators with large products: more multiply-adds than `mobile` but less time, because
    cores and their matrix kernels are kept busy. Four halvings leave four rows of frequency.
    """
    a, b, c = channels(config, 24, 48, 64)
    blocks = (
        convolution(config.norm, 1, a, (7, 7), stride=4),
        convolution(config.norm, a, b, (3, 3), stride=2),
        Residual(convolution(config.norm, b, b, (3, 3))),
        convolution(config.norm, b, c, (3, 3), stride=2),
    )
    return Body(nn.Sequential(*blocks), c, halvings=4, middle=0, float_blocks=1)


def depthwise_separable(norm: Norm, i: int, o: int, kernel: int, stride: int) -> nn.Sequential:
    depthwise = nn.Conv2d(i, i, kernel, stride, kernel // 2, groups=i, bias=False)
    return nn.Sequential(depthwise, norm_layer(norm, i), convolution(norm, i, o, (1, 1)))


class Residual(nn.Module):
    """A block whose output is added to its input, applied repeatedly with the same weights."""

    def __init__(self, block: nn.Module, times: int = 1) -> None:
        super().__init__()
        self.block = block
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = x + self.block(x)
        return x


BuildBody = Callable[[EncoderConfig], Body]
ENCODERS: dict[str, BuildBody] = {
    "mobile": mobile,
    "separable": separable,
    "dense": dense,
    "shared": shared,
    "sinc-mobile": sinc_mobile,
}


def never_negative(body: nn.Sequential) -> bool:
    """Return whether every block ends in a ReLU, perhaps pooled: no map has negative values then,
    nor do the sums of residual blocks."""
    for block in body:
        layers = [m for m in block.modules() if not list(m.children())]
        while layers and isinstance(layers[-1], nn.MaxPool2d):
            layers.pop()
        if not layers or not isinstance(layers[-1], nn.ReLU):
            return False
    return True
