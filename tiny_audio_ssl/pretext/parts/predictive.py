"""The base of tasks that predict later steps of a clip and distinguish them from other steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.predictive import PredictiveConfig
from tiny_audio_ssl.pretext.parts.steps import Steps, negatives


class Predictive(Steps):
    """Predict z_(t+k) from the steps up to t, for K distances k, among negatives.

    z_t is the projected encoding of step t; t runs over the steps that have all K others ahead. No
    distance is so small that the slices of t and t + k share samples, or the overlap could be
    copied. `ahead/...` in the log is the accuracy at each distance.

    After 400 training steps, CPC and wav2vec found the right step more often than random weights,
    but in less than a fifth of the cases, and as often far ahead as near.
    """

    hides = "samples"

    bias: ClassVar[bool] = False
    """Whether the linear layer of each distance has a bias."""

    Config = PredictiveConfig

    def __init__(
        self, config: PredictiveConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.distances = torch.tensor(config.predicted(frontend))
        self.anchors = config.steps - int(self.distances[-1])  # steps t that are predicted from
        self.ahead = nn.Linear(config.size, len(self.distances) * config.size, bias=self.bias)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        return {"logmel": self.crop(clips, rng), "negatives": self.draw_negatives(clips, rng)}

    def draw_negatives(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        """Draw places in the flattened [B, steps]: [B, anchors, K, negatives]."""
        config, count = self.config, len(clips)
        places = negatives(
            self.positives(count), config.steps, count, config.negatives, rng, config.negatives_from
        )
        return places.to(clips.device)

    def positives(self, clips: int) -> Tensor:
        """Return the places of the steps to predict: [clips, anchors, K]."""
        steps: int = self.config.steps
        first = torch.arange(clips)[:, None, None] * steps
        return first + torch.arange(self.anchors)[:, None] + self.distances

    def context(self, z: Tensor) -> Tensor:
        """Summarize the steps up to each: [B, steps, size] -> [B, steps, size]."""
        raise NotImplementedError

    def loss(self, scores: Tensor) -> Tensor:
        """Turn scores [B, anchors, K, 1 + negatives], the right one first, into a scalar."""
        raise NotImplementedError

    def predicted(self, context: Tensor) -> Tensor:
        """Predict for each distance: [B, steps, size] -> [B, anchors, K, size]."""
        vectors = self.ahead(context[:, : self.anchors])
        return torch.stack(vectors.chunk(len(self.distances), dim=2), dim=2)

    def encoded(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings [n, D], z that the context is made of, and z of the candidates."""
        embedding = self.encode(encoder, inputs["logmel"])
        z = self.project(embedding)
        return embedding.flatten(0, 1), z, z

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        return self.compared(*self.encoded(encoder, inputs), inputs["negatives"])

    def compared(
        self, embedding: Tensor, past: Tensor, z: Tensor, negatives: Tensor
    ) -> dict[str, Tensor]:
        """Return the output of `forward`, of what `encoded` gives."""
        scores = self.scores(self.predicted(self.context(past)), z, negatives)
        right = (scores.argmax(dim=3) == 0).float()
        named = zip(self.distances.tolist(), right.mean(dim=(0, 1)), strict=True)
        return {
            "loss": self.loss(scores),
            "embedding": embedding,
            "accuracy": right.mean(),
            **{f"ahead/{k * self.config.hop_ms:g}-ms": value for k, value in named},
        }

    def scores(self, predicted: Tensor, z: Tensor, negatives: Tensor) -> Tensor:
        """Multiply each prediction with the right step and the negatives.

        All steps that may be candidates are multiplied, in one product, and then chosen from.
        """
        places = torch.cat([self.positives(len(z)).to(z.device)[..., None], negatives], dim=3)
        if self.config.negatives_from == "clip":
            first = self.config.steps * torch.arange(len(z), device=z.device)
            places = places - first[:, None, None, None]
        else:
            z = z.flatten(0, 1).expand(len(z), -1, -1)
        products = predicted.flatten(1, 2) @ z.transpose(1, 2)  # [B, anchors * K, candidates]
        return products.gather(2, places.flatten(1, 2)).reshape(places.shape)

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        _, past, z = self.encoded(encoder, inputs)
        predicted = self.predicted(self.context(past))
        for t in range(self.anchors):
            yield predicted[:, t], z[:, t + self.distances]
