"""Distance: the head of CDPAM, and its product, which compares two waveforms."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.product import Output, Product

DISTANCE = "distance"
LAYERS = (256, 64, 16, 4)


class DistanceHead(nn.Module):
    """Map the acoustic embeddings of two sounds, each [n, size], to a distance [n], 0 if they are
    equal.

    The sum over all layers F of a network, of the mean over their outputs of w |F(first) -
    F(second)|; the weights w are positive.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(i, o, bias=False) for i, o in pairwise((size, *LAYERS))
        )
        self.weights = nn.ParameterList(nn.Parameter(torch.zeros(size)) for size in LAYERS)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.weighted(first, second, self.shares()).squeeze(1)

    def shares(self) -> list[Tensor]:
        """Return the weight of each output of each layer: w over the number of outputs, [1,
        size]."""
        return [F.softplus(weights)[None] / len(weights) for weights in self.weights]

    def weighted(self, first: Tensor, second: Tensor, shares: list[Tensor]) -> Tensor:
        """Return the distance [n, 1] with these shares."""
        parts = []
        for layer, share in zip(self.layers, shares, strict=True):
            first, second = layer(first), layer(second)
            parts.append(F.linear((first - second).abs(), share))
            first, second = F.leaky_relu(first), F.leaky_relu(second)
        return sum(parts[1:], parts[0])


class Distance(nn.Module):
    """Two waveforms [B, 2, samples] -> their distance [B, 1]."""

    def __init__(
        self, frontend: LogMel, encoder: Encoder, head: DistanceHead, acoustics: int
    ) -> None:
        super().__init__()
        self.frontend, self.encoder, self.head = frontend, encoder, head
        self.acoustics = acoustics
        for index, share in enumerate(head.shares()):  # constants, which delegates take
            self.register_buffer(f"share{index}", share.detach(), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        embedding = self.encoder(self.frontend(waveforms.flatten(0, 1)))
        acoustics = F.normalize(embedding[:, : self.acoustics], dim=1)
        pairs = acoustics.reshape(-1, 2, self.acoustics)
        shares = [self.get_buffer(f"share{index}") for index in range(len(LAYERS))]
        return self.head.weighted(pairs[:, 0], pairs[:, 1], shares)


def distance_product(
    head: DistanceHead, acoustics: int, config: PretextConfig, frontend: LogMel, encoder: Encoder
) -> Product:
    """Return the product of CDPAM: the distance of two waveforms."""
    module = Distance(frontend, encoder, head, acoustics).eval()
    meaning = "[batch, 1]: how differently degraded both are, from 0 for the same sound up"
    return Product(DISTANCE, module, "waveform", (Output(DISTANCE, meaning),), config, sounds=2)
