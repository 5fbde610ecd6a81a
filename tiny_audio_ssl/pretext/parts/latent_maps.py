"""Autoencoders whose code is the encoder's last maps."""

from __future__ import annotations

from torch import Tensor, nn

from tiny_audio_ssl.models.bodies import halved
from tiny_audio_ssl.models.encoders import Encoder
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
        return maps + self.pooled(embedding)[:, :, None, None], embedding


def latent_shape(encoder: Encoder, frames: int) -> tuple[int, int, int]:
    """Return channels, rows and columns of the last maps of so many frames."""
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
