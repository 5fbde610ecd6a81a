"""Autoencoders: reconstruct a slice of the log-mel from its own embedding, or a noisy one's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.autoencoder import (
    AutoencoderConfig,
    DenoisingAutoencoderConfig,
)
from tiny_audio_ssl.pretext.parts import augment, sampling
from tiny_audio_ssl.pretext.parts.decoder import Decoder


class Autoencoder(Pretext):
    """Encode a slice of N frames and decode it again; the loss is the mean squared error.

    Only the size of the embedding makes this harder than copying.
    """

    paper = "Tagliasacchi, Gfeller, de Chaumont Quitry, Roblek 2019, arXiv 1905.11796, baseline"

    Config = AutoencoderConfig

    def __init__(
        self, config: AutoencoderConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        frames = config.slice_frames(frontend)
        self.decoder = Decoder(encoder, 1, frontend.bands, frames, slices=1)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        frames = self.config.slice_frames(self.frontend)
        return {"slice": sampling.random_cut(clips, frames, rng)}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs.get("noisy", inputs["slice"]))
        reconstruction = self.decoder(embedding)
        loss = F.mse_loss(reconstruction, inputs["slice"].to(reconstruction.dtype))
        return {"loss": loss, "embedding": embedding}


class DenoisingAutoencoder(Autoencoder):
    """Encode a noisy slice and decode the clean one.

    The noise is another clip of the batch in the background, and Gaussian noise on the log-mel,
    both at a level that is drawn for each slice.
    """

    paper = (
        "Vincent, Larochelle, Bengio, Manzagol, ICML 2008, https://doi.org/10.1145/1390156.1390294"
    )

    Config = DenoisingAutoencoderConfig

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        clean = super().draw(clips, rng)["slice"]
        mixed = augment.mixup(clean, rng, largest=self.config.mixup)
        level = augment.uniform(0, self.config.noise, len(clean), rng).reshape(-1, 1, 1, 1)
        noise = level * torch.randn(clean.shape, generator=rng)
        return {"slice": clean, "noisy": mixed + noise.to(clean.device)}
