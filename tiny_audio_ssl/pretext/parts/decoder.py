"""The decoder of the tasks that reconstruct: it doubles as often as the encoder halves."""

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
        norm = encoder.config.norm
        halvings = encoder.halvings
        sizes = [max(8, encoder.channels >> k) for k in range(halvings + 1)]
        self.shapes = [(halved(bands, k), halved(frames, k)) for k in range(halvings, -1, -1)]
        rows, columns = self.shapes[0]
        self.first = (sizes[0], rows, columns)
        self.expand = nn.Linear(inputs * encoder.feature_dim, sizes[0] * rows * columns)
        self.blocks = nn.ModuleList(
            nn.Sequential(convolution(norm, i, i, (1, 3)), convolution(norm, i, o, (3, 1)))
            for i, o in pairwise(sizes)
        )
        self.out = nn.Conv2d(sizes[-1], slices, 3, padding=1)

    def forward(self, embeddings: Tensor) -> Tensor:
        maps = self.expand(embeddings).reshape(-1, *self.first)
        for block, shape in zip(self.blocks, self.shapes[1:], strict=True):
            maps = block(F.interpolate(maps, size=shape, mode="nearest"))
        slices: Tensor = self.out(maps)
        return slices
