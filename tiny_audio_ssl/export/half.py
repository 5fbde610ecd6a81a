"""16-bit float: the encoder's body in half precision; front-end, readout and heads in float32.

Half has five bits of exponent: a power spectrum does not fit, normalized log-mel and maps do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder


class HalfEncoder(nn.Module):
    """An `Encoder` whose body and projection are float16, with the one method that an export calls:
    `embed`."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        encoder.body.half()
        encoder.project.half()

    def embed(self, logmel: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> embedding [B, embedding_dim], both float32."""
        middle, last = self.encoder.maps(rounded(logmel))
        embedding: Tensor = self.encoder.readout(
            logmel, middle.float(), self.encoder.pooled(last).float()
        )
        return embedding


def rounded(logmel: Tensor) -> Tensor:
    """Return the log-mel in float16 and in contiguous memory order: the runtime does not support
    the transposed order of the front-end."""
    return logmel.to(torch.float16, memory_format=torch.contiguous_format)


def in_half_precision(network: nn.Module) -> nn.Module:
    """Put the encoder inside `network` into half precision, in place; return `network`."""
    for module in list(network.modules()):
        if isinstance(getattr(module, "encoder", None), Encoder):
            module.encoder = HalfEncoder(module.encoder)  # type: ignore[arg-type]
            return network
    raise TypeError("a network without an Encoder")
