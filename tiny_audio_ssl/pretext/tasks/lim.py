"""Local info max: distinguish pairs of chunks from one recording and from two."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.lim import LimConfig
from tiny_audio_ssl.pretext.parts import contrast, sampling


class Lim(Pretext):
    """-log sigmoid(g(z1, z2)) - log(1 - sigmoid(g(z1, z3))), averaged over the clips.

    z1 and z2 are the embeddings of two random chunks of one clip, which may overlap, and z3 that of
    a chunk of another clip. The discriminator g is a perceptron of both embeddings side by side.
    With the objective info-nce, g scores each z1 with the z2 of all clips instead, and the loss is
    the cross-entropy of finding its own.
    """

    paper = "Ravanelli, Bengio 2018, arXiv 1812.00271, section 2"
    takes = "wav"

    min_clips = 2

    Config = LimConfig

    def __init__(self, config: LimConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.discriminator = nn.Sequential(
            nn.Linear(2 * encoder.feature_dim, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 1),
        )

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Cut two chunks of each clip, and one of another clip unless the objective is info-nce."""
        sources = [clips, clips]
        if self.config.objective == "bce":
            sources.append(clips[sampling.others(len(clips), rng).to(clips.device)])
        samples = self.frontend.samples(self.config.slice_frames(self.frontend))
        return {"wav": torch.cat([sampling.random_cut(s, samples, rng) for s in sources])}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        if self.config.objective == "info-nce":
            return self._among_all(embedding)
        first, same, other = embedding.chunk(3)
        positive, negative = self._score(first, same), self._score(first, other)
        found, wrong = ((scores.detach() >= 0).float().mean() for scores in (positive, negative))
        return {
            "loss": contrast.pair_bce(positive, negative),
            "embedding": embedding,
            "accuracy": (found + 1 - wrong) / 2,
        }

    def _among_all(self, embedding: Tensor) -> dict[str, Tensor]:
        first, same = embedding.chunk(2)
        count = len(first)
        scores = self._score(first.repeat_interleave(count, 0), same.repeat(count, 1))
        scores = scores.reshape(count, count)
        return {
            "loss": contrast.info_nce(scores),
            "embedding": embedding,
            "accuracy": contrast.accuracy(scores),
        }

    def _score(self, first: Tensor, second: Tensor) -> Tensor:
        """Return g of each pair of rows: [n]."""
        scores: Tensor = self.discriminator(torch.cat([first, second], dim=1))
        return scores.squeeze(1)
