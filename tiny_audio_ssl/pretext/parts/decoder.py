"""The decoders of the tasks that reconstruct: they double as often as the encoder halves."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.bodies import convolution, halved
from tiny_audio_ssl.models.encoders import Encoder


class Decoder(nn.Module):
    """Embeddings [B, inputs * D] -> slices of log-mel [B, slices, bands, frames].

    Mirrors the encoder: channels halve where its channels double, and nearest-neighbor upsampling
    replaces its pooling (arXiv 1905.11796, section 4.1).
    """

    def __init__(self, encoder: Encoder, inputs: int, bands: int, frames: int, slices: int) -> None:
        super().__init__()
        sizes = _sizes(encoder)
        self.shapes = _shapes(encoder, bands, frames)
        rows, columns = self.shapes[0]
        self.first = (sizes[0], rows, columns)
        self.expand = nn.Linear(inputs * encoder.feature_dim, sizes[0] * rows * columns)
        self.blocks = _blocks(encoder, sizes)
        self.out = nn.Conv2d(sizes[-1], slices, 3, padding=1)

    def forward(self, embeddings: Tensor) -> Tensor:
        maps = self.expand(embeddings).reshape(-1, *self.first)
        slices: Tensor = self.out(_doubled(maps, self.blocks, self.shapes))
        return slices


class MapDecoder(nn.Module):
    """The encoder's last maps [B, C, rows, columns] -> log-mel [B, 1, bands, frames], by the layers
    of `Decoder`."""

    def __init__(self, encoder: Encoder, bands: int, frames: int) -> None:
        super().__init__()
        sizes = _sizes(encoder)
        self.shapes = _shapes(encoder, bands, frames)
        self.blocks = _blocks(encoder, sizes)
        self.out = nn.Conv2d(sizes[-1], 1, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        logmel: Tensor = self.out(_doubled(maps, self.blocks, self.shapes))
        return logmel


def _sizes(encoder: Encoder) -> list[int]:
    """Return the channels before and after each block."""
    return [max(8, encoder.channels >> k) for k in range(encoder.halvings + 1)]


def _shapes(encoder: Encoder, bands: int, frames: int) -> list[tuple[int, int]]:
    """Return bands and frames before and after each block."""
    return [(halved(bands, k), halved(frames, k)) for k in range(encoder.halvings, -1, -1)]


def _blocks(encoder: Encoder, sizes: list[int]) -> nn.ModuleList:
    norm = encoder.config.norm
    return nn.ModuleList(
        nn.Sequential(convolution(norm, i, i, (1, 3)), convolution(norm, i, o, (3, 1)))
        for i, o in pairwise(sizes)
    )


def _doubled(maps: Tensor, blocks: nn.ModuleList, shapes: list[tuple[int, int]]) -> Tensor:
    for block, shape in zip(blocks, shapes[1:], strict=True):
        maps = block(F.interpolate(maps, size=shape, mode="nearest"))
    return maps
