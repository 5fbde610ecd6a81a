"""Variants of `dense` that `bodies.py` times, each different from it in one respect."""

from __future__ import annotations

from torch import nn

from tiny_audio_ssl.models.bodies import Body, BuildBody, Residual, convolution, norm_layer
from tiny_audio_ssl.models.encoder_config import EncoderConfig


def variant(
    channels: tuple[int, int, int] = (24, 48, 64),
    stem: int = 7,
    stem_stride: int = 4,
    residual: bool = True,
    halve_last: bool = True,
) -> BuildBody:
    def build(config: EncoderConfig) -> Body:
        a, b, c = channels
        middle = convolution(config.norm, b, b, (3, 3))
        padding = (stem - stem_stride + 1) // 2
        first = nn.Conv2d(1, a, stem, stem_stride, padding, bias=False)
        blocks = (
            nn.Sequential(first, norm_layer(config.norm, a), nn.ReLU()),
            convolution(config.norm, a, b, (3, 3), 2),
            *((Residual(middle),) if residual else ()),
            convolution(config.norm, b, c, (3, 3), 2 if halve_last else 1),
        )
        halvings = {2: 1, 4: 2, 8: 3}[stem_stride] + 1 + halve_last
        return Body(nn.Sequential(*blocks), c, halvings, middle=0, float_blocks=1)

    return build


VARIANTS: dict[str, BuildBody] = {
    "stem 8 x 8": variant(stem=8),
    "stem 4 x 4": variant(stem=4),
    "channels 32-48-64": variant((32, 48, 64)),
    "channels 32-64-96": variant((32, 64, 96)),
    "no residual block": variant(residual=False),
    "eight rows kept": variant(halve_last=False),
    "stride 2 x 2": variant(stem_stride=2),
}
