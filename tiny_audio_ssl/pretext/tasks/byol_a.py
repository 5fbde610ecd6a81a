"""BYOL-A: predict the embedding that a slow copy of the encoder gives to another view."""

from __future__ import annotations

import copy
import math
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.byol_a import ByolAConfig
from tiny_audio_ssl.pretext.parts import augment, sampling
from tiny_audio_ssl.pretext.parts.heads import perceptron


class ByolA(Pretext):
    """Two augmented views of one slice; there are no negatives.

    The online network (encoder, projector, predictor) learns to predict from one view the output of
    the target network (encoder, projector) for the other. The target is a moving average of the
    online weights and has no gradient; its batch normalization has statistics of its own.
    """

    paper = (
        "Niizumi, Takeuchi, Ohishi, Harada, Kashino 2021, arXiv 2103.06695, section III, with the "
        "augmentations of arXiv 2204.07402; Grill et al. 2020, arXiv 2006.07733, equations 1 and 2"
    )

    min_clips = 2  # views are normalized over the batch, and so are the layers of the heads

    Config = ByolAConfig

    def __init__(self, config: ByolAConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        hidden, size, norm = config.hidden, config.projection, encoder.config.norm
        self.projector = perceptron(encoder.feature_dim, hidden, size, norm)
        self.predictor = perceptron(size, hidden, size, norm)
        online = nn.Sequential(encoder, self.projector)
        self.target = copy.deepcopy(online).requires_grad_(False)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        frames = self.config.slice_frames(self.frontend)
        cut = sampling.random_cut(clips, frames, rng)
        views = torch.cat([self.view(cut, rng), self.view(cut, rng)])
        first, second = augment.normalize(views).chunk(2)
        return {"first": first, "second": second}

    def view(self, logmel: Tensor, rng: torch.Generator) -> Tensor:
        """Return one random view of each clip [B, 1, bands, frames]."""
        config = self.config
        mixed = augment.mixup(logmel, rng, config.mixup)
        crop = augment.random_resize_crop(mixed, rng, config.smallest_crop, config.largest_crop)
        return augment.random_linear_fader(crop, rng, config.fade)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        views = torch.cat([inputs["first"], inputs["second"]])
        embedding = encoder(views)
        predicted = self.predictor(self.projector(embedding))
        with torch.no_grad():
            first, second = self.target(views).chunk(2)
        cosine = F.cosine_similarity(predicted, torch.cat([second, first]), dim=1)
        # Both directions are added: twice the mean over the 2 B rows.
        return {"loss": 2 * (2 - 2 * cosine).mean(), "embedding": embedding}

    @torch.no_grad()
    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        keep = momentum(self.config.momentum, step, total_steps)
        online = chain(encoder.parameters(), self.projector.parameters())
        for average, new in zip(self.target.parameters(), online, strict=True):
            average.lerp_(new, 1 - keep)


def momentum(base: float, step: int, total_steps: int) -> float:
    """Return tau of a step: 1 - (1 - base) (cos(pi k / K) + 1) / 2 (arXiv 2006.07733, 3.2)."""
    return 1 - (1 - base) * (math.cos(math.pi * step / total_steps) + 1) / 2
