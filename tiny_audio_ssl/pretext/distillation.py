"""Distillation: predict the embedding that a larger model, the teacher, gives. No labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import sampling
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.distillation import DistillationConfig

FIT_BATCH = 64  # clips that the teacher is given at a time
SMALLEST_STD = (
    0.1  # relative to the mean over dimensions, so that one that hardly varies is not magnified
)


class Distillation(Pretext):
    """The projected embedding should point in the direction of the teacher's embedding.

    With s the projected and t the standardized embedding of the teacher, the loss is
    |s/|s| - t/|t||^2 = 2 - 2 cos(s, t). A share of the clips is mixed with another clip of the
    batch, as waveforms, w a + (1 - w) b (arXiv 1710.09412, equation 1), and the teacher is given
    the mixture: this makes more sounds than there are recordings.

    The teacher is not part of the task's state: a checkpoint holds its name, and the statistics.
    """

    paper = (
        "Romero, Ballas, Kahou, Chassang, Gatta, Bengio, FitNets, ICLR 2015, arXiv 1412.6550, "
        "equation 3 (features through a regressor), on unit vectors; after Hinton, Vinyals, Dean, "
        "arXiv 1503.02531"
    )
    takes = "wav"

    mean: Tensor
    inverse_std: Tensor

    Config = DistillationConfig

    def __init__(
        self, config: DistillationConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.teacher = HearModel(config.teacher, config.weights)
        self.head = nn.Linear(encoder.feature_dim, self.teacher.dim)
        self.register_buffer("mean", torch.zeros(self.teacher.dim))
        self.register_buffer("inverse_std", torch.ones(self.teacher.dim))

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        wav = self._mixed(self._cut(clips, rng), rng)
        target = (self.teacher(wav) - self.mean) * self.inverse_std
        return {"wav": wav, "target": target}

    def _cut(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        samples = self.frontend.samples(self.config.clip_frames(self.frontend))
        starts = sampling.integers(0, clips.shape[1] - samples, len(clips), rng)
        return sampling.cut(clips[:, None, None, :], starts, samples)[:, 0, 0]

    def _mixed(self, wav: Tensor, rng: torch.Generator) -> Tensor:
        mixes = torch.rand(len(wav), generator=rng) < self.config.mix
        weight = torch.rand(len(wav), generator=rng).where(mixes, 1.0).to(wav.device)[:, None]
        other = torch.randperm(len(wav), generator=rng).to(wav.device)
        return weight * wav + (1 - weight) * wav[other]

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        cosine = F.cosine_similarity(self.head(embedding), inputs["target"], dim=1).mean()
        return {"loss": 2 - 2 * cosine, "embedding": embedding}

    @torch.no_grad()
    def fit(self, clips: Tensor) -> None:
        """Compute mean and standard deviation of each dimension of the teacher's embeddings."""
        samples = self.frontend.samples(self.config.clip_frames(self.frontend))
        parts = torch.split(clips[:, :samples], FIT_BATCH)
        target = torch.cat([self.teacher(part) for part in parts])
        std = target.std(dim=0, correction=0)
        self.mean.copy_(target.mean(dim=0))
        self.inverse_std.copy_(1 / std.clamp_min((SMALLEST_STD * std.mean()).clamp_min(1e-6)))
