"""COLA: which of the batch's slices comes from the same recording as this one?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import FrontendConfig
from tiny_audio_ssl.pretext import augment
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.pairs import Pairs


class Cola(Pairs):
    """Cross-entropy of a_i W p_j over all slices j of the batch, of which j = i is right.

    a and p are the two slices' embeddings after a linear layer, layer normalisation and tanh; the
    matrix W is learned. Mixing and resizing are not in the paper: they keep slices that overlap,
    as those of short recordings do, from being told by their very samples.
    """

    paper = "Saeed, Grangier, Zeghidour 2020, arXiv 2010.10915, section 2"
    summary = "which slice of the batch comes from the same recording"

    @dataclass(frozen=True)
    class Config(Pairs.Config):
        projection_dim: int = 512
        """Size of the layer between embedding and similarity."""
        mixup: float = 0.0
        """Largest share of another clip that is mixed into a slice; 0: as in the paper."""
        resize: bool = False
        """Cut a random part of bands and frames and stretch it to the slice's size."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.projection_dim < 1 or not 0 <= self.mixup < 1:
                raise UserError(
                    f"cola: projection_dim {self.projection_dim}, mixup {self.mixup}; expected "
                    "projection_dim >= 1 and mixup from 0 to less than 1"
                )

    def __init__(self, config: Config, encoder: Encoder, frontend: FrontendConfig) -> None:
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
        # W could learn the factor; without it a step at Adam's rate moves D^2 products at once, and
        # every slice ends in one place.
        scale = anchor.shape[1] ** -0.5
        logits = scale * anchor @ self.similarity(positive).T  # [anchors, positives]
        right = torch.arange(len(logits), device=logits.device)
        accuracy = (logits.argmax(dim=1) == right).float().mean()
        return {
            "loss": F.cross_entropy(logits, right),
            "embedding": embedding,
            "accuracy": accuracy,
        }
