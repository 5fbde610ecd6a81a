"""COLA: recognize the slice of the batch that comes from the same recording."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.cola import ColaConfig
from tiny_audio_ssl.pretext.parts import augment, contrast
from tiny_audio_ssl.pretext.parts.pairs import Pairs


class Cola(Pairs):
    """Cross-entropy of a_i W p_j over all slices j of the batch, of which j = i is right.

    a and p are the embeddings of the two slices after a linear layer, layer normalization and tanh;
    the matrix W is learned. Mixing and resizing are not in the paper: without them, slices that
    overlap, as those of short recordings do, can be recognized by samples that they share.
    """

    paper = "Saeed, Grangier, Zeghidour 2020, arXiv 2010.10915, section 2"

    min_clips = 2

    Config = ColaConfig

    def __init__(self, config: ColaConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        size = config.projection_dim
        self.project = nn.Sequential(
            nn.Linear(encoder.feature_dim, size), nn.LayerNorm(size), nn.Tanh()
        )
        self.similarity = nn.Linear(size, size, bias=False)  # W

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        return {name: self._augment(part, rng) for name, part in super().draw(clips, rng).items()}

    def _augment(self, slices: Tensor, rng: torch.Generator) -> Tensor:
        if self.config.mixup:
            slices = augment.mixup(slices, rng, largest=self.config.mixup)
        if self.config.resize:
            slices = augment.random_resize_crop(slices, rng)
        return slices

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(torch.cat([inputs["anchor"], inputs["positive"]]))
        anchor, positive = self.project(embedding).chunk(2)
        # W could learn this factor. Without it, a step of Adam changes D^2 products at once, and
        # the embedding collapses.
        scale = anchor.shape[1] ** -0.5
        logits = scale * anchor @ self.similarity(positive).T  # [anchors, positives]
        return {
            "loss": contrast.info_nce(logits),
            "embedding": embedding,
            "accuracy": contrast.accuracy(logits),
        }
