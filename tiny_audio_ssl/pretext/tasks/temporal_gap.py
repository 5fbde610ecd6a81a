"""Temporal gap: estimate the distance in time between two slices of one recording."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.temporal_gap import TemporalGapConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.parts.pairs import Pairs


class TemporalGap(Pairs):
    """Two slices of N frames start at frames i and j of a clip of T frames, both uniform.

    The target is |i - j| / (T - N), in 0..1. The two embeddings, concatenated, go through one
    hidden layer to a scalar; the loss is its cross-entropy with the target.
    """

    paper = "Tagliasacchi, Gfeller, de Chaumont Quitry, Roblek 2019, arXiv 1905.11796, section 3.2"

    Config = TemporalGapConfig

    def __init__(
        self, config: TemporalGapConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.head = nn.Sequential(
            nn.Linear(2 * encoder.feature_dim, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 1),
        )

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        frames = self.config.slice_frames(self.frontend)
        longest_gap = clips.shape[3] - frames
        i, j = self.starts(clips, rng)
        gap = (i - j).abs() / longest_gap
        return {
            "first": sampling.cut(clips, i, frames),
            "second": sampling.cut(clips, j, frames),
            "gap": gap.to(clips.device),
        }

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(torch.cat([inputs["first"], inputs["second"]]))
        predicted = self.head(torch.cat(embedding.chunk(2), dim=1)).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(predicted, inputs["gap"].to(predicted.dtype))
        error = (predicted.detach().sigmoid() - inputs["gap"]).abs().mean()
        return {"loss": loss, "embedding": embedding, "gap_error": error}
