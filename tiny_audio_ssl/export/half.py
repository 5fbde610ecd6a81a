"""16-bit float: the encoder's body in half precision; front-end, readout and heads in float32.

Half has five bits of exponent: a power spectrum does not fit, normalised log-mel and maps do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.streaming.stream_encoder import PacketMaps, StreamEncoder
from tiny_audio_ssl.models.encoders import Encoder


class HalfEncoder(nn.Module):
    """What an export calls of an `Encoder`: `read`. Its body and projection become float16."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        encoder.body.half()
        encoder.project.half()

    def read(self, logmel: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> embedding [B, embedding_dim], both float32."""
        # In the plain order: the runtime has no name for the transposed one of the front-end.
        rounded = logmel.to(torch.float16, memory_format=torch.contiguous_format)
        middle, last = self.encoder.maps(rounded)
        embedding: Tensor = self.encoder.readout(
            logmel, middle.float(), self.encoder.pooled(last).float()
        )
        return embedding


class HalfMaps(nn.Module):
    """`PacketMaps` with the body in float16; log-mel and maps are float32 outside."""

    def __init__(self, maps: PacketMaps) -> None:
        super().__init__()
        self.maps = maps
        maps.encoder.body.half()

    def forward(self, logmel: Tensor) -> tuple[Tensor, Tensor]:
        middle, last = self.maps(logmel.to(torch.float16, memory_format=torch.contiguous_format))
        return middle.float(), last.float()


def in_half_precision(network: nn.Module) -> nn.Module:
    """`network` itself, its encoder in half precision."""
    if isinstance(network, StreamEncoder):
        assert isinstance(network.maps, PacketMaps)
        network.maps = HalfMaps(network.maps)
        return network
    for module in list(network.modules()):
        if isinstance(getattr(module, "encoder", None), Encoder):
            module.encoder = HalfEncoder(module.encoder)  # type: ignore[arg-type]
            return network
    raise TypeError("a network without an Encoder")
