"""vq-wav2vec: wav2vec on quantized steps."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.vq_wav2vec import VqWav2vecConfig
from tiny_audio_ssl.pretext.parts.codebooks import (
    Coded,
    GumbelCodebook,
    KMeansCodebook,
    build_codebook,
)
from tiny_audio_ssl.pretext.parts.units import CodedSteps
from tiny_audio_ssl.pretext.tasks.wav2vec import Wav2vec


class VqWav2vec(CodedSteps, Wav2vec):
    """The loss of wav2vec, where a step is replaced by its entries in a codebook: in what the
    context is made of, and as what is predicted. The codebook's own terms are added.

    So the context has to be predicted from the few bits that the entries hold. With a Gumbel
    codebook the paper adds no term; `diversity` can.
    """

    codebook: GumbelCodebook | KMeansCodebook

    paper = "Baevski, Schneider, Auli 2019, arXiv 1910.05453, section 3"

    Config = VqWav2vecConfig

    def __init__(self, config: VqWav2vecConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.codebook = build_codebook(config, config.size)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        noise = self.codebook.draw(len(clips), self.config.steps, rng=rng)
        return {**super().draw(clips, rng), **{k: v.to(clips.device) for k, v in noise.items()}}

    def coded(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Coded]:
        """Return the features of all steps [n, D], and what the codebook makes of them."""
        features = self.encode(encoder, inputs["logmel"])
        steps = self.steps_of(features).flatten(0, 1)
        return features.flatten(0, 1), self.codebook(steps, inputs.get("noise"))

    def encoded(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        features, coded = self.coded(encoder, inputs)
        return features, self.sequence(coded), self.sequence(coded)

    def sequence(self, coded: Coded) -> Tensor:
        """Return the quantized steps as [B, steps, size]."""
        return coded.vectors.reshape(-1, self.config.steps, self.config.size)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        features, coded = self.coded(encoder, inputs)
        codes = self.sequence(coded)
        out = self.compared(features, codes, codes, inputs["negatives"])
        return {**out, "loss": out["loss"] + coded.loss, **coded.logged()}

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        self.codebook.anneal(step / total_steps)
