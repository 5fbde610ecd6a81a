"""CDPAM: a distance between two sounds that ignores what is said or played in them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.cdpam import CdpamConfig
from tiny_audio_ssl.pretext.parts import contrast, sampling
from tiny_audio_ssl.pretext.parts.degrade import degrade
from tiny_audio_ssl.pretext.parts.distance import DistanceHead, distance_product
from tiny_audio_ssl.pretext.parts.heads import perceptron
from tiny_audio_ssl.pretext.product import Product

SEEDS = 2**62
LEAST_GAP = 0.2  # between the strengths of a weak and of a strong distortion


class Cdpam(Pretext):
    """Split the embedding in halves, acoustics a and content u, and learn, with NT-Xent:

    - on a, that two clips with the same distortion belong together,
    - on u, that two distortions of one clip belong together,

    and max(0, d(clip, weak) + margin - d(clip, strong)), where weak and strong are the same
    distortion, and the distance d looks at the acoustics alone.

    In the paper people judged which differences are heard, and which of two recordings is nearer
    to a third. Nobody is asked here: strength stands for the second judgement and the first is left
    out, so that d measures degradation. It must not be called perceptual. After 120 training steps,
    it separated weak from strong degradations of unseen kinds less reliably than the plain
    difference of two log-mels.
    """

    paper = "Manocha, Jin, Zhang, Finkelstein 2021, arXiv 2102.05109"
    takes = "wav"

    min_clips = 2

    Config = CdpamConfig

    def __init__(self, config: CdpamConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.size = encoder.feature_dim // 2  # of the acoustics
        head = (config.hidden, config.projection, encoder.config.norm)
        self.acoustics = perceptron(self.size, *head)
        self.content = perceptron(encoder.feature_dim - self.size, *head)
        self.distance = DistanceHead(self.size)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Cut a slice of each clip and degrade it.

        Returns "wav" [5B, samples]: the slices, then the slices with a weak and with a strong
        degradation of one kind, other clips' slices with that strong one, and the slices with
        another degradation.
        """
        config, count = self.config, len(clips)
        samples = self.frontend.samples(config.slice_frames(self.frontend))
        slices = sampling.random_cut(clips, samples, rng)
        kind, another = sampling.integers(0, len(config.distortions) - 1, 2 * count, rng).chunk(2)
        share, spread, weaker = torch.rand(3, count, generator=rng)
        strong = LEAST_GAP + (1 - LEAST_GAP) * share
        weak = (strong - LEAST_GAP) * weaker
        same, other = sampling.integers(0, SEEDS, 2, rng).tolist()
        others = slices[sampling.others(count, rng).to(slices.device)]
        names = config.distortions
        versions = [
            slices,
            degrade(slices, names, kind, weak, same),
            degrade(slices, names, kind, strong, same),
            degrade(others, names, kind, strong, same),
            degrade(slices, names, another, spread, other),
        ]
        return {"wav": torch.cat(versions)}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        halves = [self.halves(version) for version in embedding.chunk(5)]
        (clean, _), (weak, _), (strong, said), (elsewhere, _), (_, also_said) = halves
        temperature = self.config.temperature
        alike = contrast.nt_xent(self.acoustics(torch.cat([strong, elsewhere])), temperature)
        same = contrast.nt_xent(self.content(torch.cat([said, also_said])), temperature)
        near, far = self.distance(clean, weak), self.distance(clean, strong)
        order = F.relu(near - far + self.config.margin).mean()
        return {
            "loss": alike + same + self.config.order_weight * order,
            "embedding": embedding,
            "order": order.detach(),
            "accuracy": (near < far).float().mean(),
        }

    def halves(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Return acoustics [n, D // 2] and content, both of unit length."""
        return (
            F.normalize(embedding[:, : self.size], dim=1),
            F.normalize(embedding[:, self.size :], dim=1),
        )

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        return distance_product(self.distance, self.size, self.config, frontend, encoder)
