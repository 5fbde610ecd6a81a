"""Autoencoders whose code is the encoder's last maps."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.bodies import halved
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.parts.decoder import MapDecoder


class Latent(nn.Module):
    """Log-mel [B, 1, bands, frames] -> last maps [B, C, rows, columns] and embedding [B, D].

    A linear map of the embedding is added to the maps, so that the pooling is trained too.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.pooled = nn.Linear(encoder.feature_dim, encoder.channels)

    def forward(self, encoder: Encoder, logmel: Tensor) -> tuple[Tensor, Tensor]:
        _, maps = encoder.maps(logmel)
        embedding = encoder.pooled(maps)
        return self.of_maps(maps, embedding), embedding

    def of_maps(self, maps: Tensor, embedding: Tensor) -> Tensor:
        bias: Tensor = self.pooled(embedding)
        return maps + bias[:, :, None, None]


class CleanGain(nn.Module):
    """Map the log-mel of a mixture and its latent maps to the logarithm of a gain, [B, 1, bands,
    frames], which attenuates the mixture to the log-mel that the maps are decoded to."""

    unit: Tensor

    def __init__(self, encoder: Encoder, frames: int) -> None:
        super().__init__()
        self.clean = MapAutoencoder(copy.deepcopy(encoder), frames)
        self.latent = Latent(encoder)
        self.register_buffer("unit", torch.full((encoder.bands, 1), 0.5), persistent=False)

    def forward(self, logmel: Tensor, middle: Tensor, last: Tensor, embedding: Tensor) -> Tensor:
        difference: Tensor = self.clean.decoder(self.latent.of_maps(last, embedding)) - logmel
        return self.unit * difference.clamp_max(0)

    def set_scale(self, frontend: LogMel) -> None:
        """Undo the normalization of the log-mel, whose unit is half a neper of amplitude."""
        self.unit.copy_(0.5 / frontend.inverse_std[:, 0])


def latent_shape(encoder: Encoder, frames: int) -> tuple[int, int, int]:
    """Return channels, rows and columns of the last maps for an input of `frames` frames."""
    return encoder.channels, encoder.rows, halved(frames, encoder.halvings)


class MapAutoencoder(nn.Module):
    """An encoder of its own, and a decoder from its maps to log-mel."""

    def __init__(self, encoder: Encoder, frames: int) -> None:
        """Build it around `encoder`, which it keeps."""
        super().__init__()
        self.encoder, self.latent = encoder, Latent(encoder)
        self.decoder = MapDecoder(encoder, encoder.bands, frames)

    def encode(self, logmel: Tensor) -> Tensor:
        maps: Tensor = self.latent(self.encoder, logmel)[0]
        return maps

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-mel that maps are decoded to, and the maps of that log-mel."""
        decoded = self.decoder(maps)
        return decoded, self.encode(decoded)
