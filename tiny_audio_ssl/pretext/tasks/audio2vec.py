"""Audio2Vec: reconstruct a slice of the log-mel from its neighbors (CBoW), or vice versa."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.audio2vec import Audio2VecConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.parts.decoder import Decoder


class Audio2Vec(Pretext):
    """Cut 2P + 1 slices of N frames, G frames apart, at a random place of a clip."""

    paper = "Tagliasacchi, Gfeller, de Chaumont Quitry, Roblek 2019, arXiv 1905.11796, section 3.1"

    hides = "frames"

    Config = Audio2VecConfig

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        frames = self.config.slice_frames(self.frontend)
        stride = self.config.stride_frames(self.frontend)
        room = clips.shape[3] - self.config.clip_frames(self.frontend)
        start = sampling.integers(0, room, len(clips), rng)
        slices = [
            sampling.cut(clips, start + k * stride, frames)
            for k in range(2 * self.config.context + 1)
        ]
        middle = slices.pop(self.config.context)
        return {"middle": middle, "context": torch.cat(slices, dim=1)}  # [B, 2P, bands, N]

    def reconstruct(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embedding, the reconstruction from it, and its target."""
        raise NotImplementedError

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding, reconstruction, target = self.reconstruct(encoder, inputs)
        loss = F.mse_loss(reconstruction, target.to(reconstruction.dtype))
        return {"loss": loss, "embedding": embedding}

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        return [self.reconstruct(encoder, inputs)[1:]]


class Audio2VecCBoW(Audio2Vec):
    """Encode each of the P slices before and after; decode the middle one from all embeddings."""

    def __init__(self, config: Audio2VecConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        frames = config.slice_frames(frontend)
        self.decoder = Decoder(encoder, 2 * config.context, frontend.bands, frames, slices=1)

    def reconstruct(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        context = inputs["context"]
        embedding = encoder(context.flatten(0, 1).unsqueeze(1))
        return embedding, self.decoder(embedding.reshape(len(context), -1)), inputs["middle"]


class Audio2VecSkipGram(Audio2Vec):
    """Encode the middle slice; decode the P slices before and the P after it."""

    def __init__(self, config: Audio2VecConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        frames, slices = config.slice_frames(frontend), 2 * config.context
        self.decoder = Decoder(encoder, 1, frontend.bands, frames, slices)

    def reconstruct(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        embedding = encoder(inputs["middle"])
        return embedding, self.decoder(embedding), inputs["context"]
