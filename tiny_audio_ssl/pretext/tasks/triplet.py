"""Triplet loss: embed slices of one recording nearer to each other than to others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.pretext.configs.triplet import TripletConfig
from tiny_audio_ssl.pretext.parts.pairs import Pairs


class Triplet(Pairs):
    """Hinge loss [|a - p|^2 - |a - n|^2 + margin]_+ on embeddings of length one.

    Positives are near in time. Of the negatives of an anchor in the batch, the nearest that is
    farther away than the positive is taken (semi-hard; Schroff et al. 2015, arXiv 1503.03832,
    section 3.2), or the farthest if there is none.
    """

    paper = "Jansen et al. 2018, arXiv 1711.02209, temporal proximity; baseline of 1905.11796"

    min_clips = 2

    Config = TripletConfig

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(torch.cat([inputs["anchor"], inputs["positive"]]))
        anchor, positive = F.normalize(embedding.float(), dim=1).chunk(2)
        distance = 2 - 2 * anchor @ positive.T  # squared, [anchors, positives]
        near = distance.diagonal()
        violation = near - distance.gather(1, semi_hard(distance)[:, None])[:, 0]
        loss = F.relu(violation + self.config.margin).mean()
        return {"loss": loss, "embedding": embedding, "nearest": nearest(distance)}


@torch.no_grad()
def semi_hard(distance: Tensor) -> Tensor:
    """Return the index [B] of the negative of each anchor, from distances to all positives [B, B].

    It is the nearest that is farther than the anchor's own positive, or else the farthest of all.
    """
    own = torch.eye(len(distance), dtype=torch.bool, device=distance.device)
    further = (distance > distance.diagonal()[:, None]) & ~own
    nearest_further = distance.masked_fill(~further, float("inf")).argmin(dim=1)
    furthest = distance.masked_fill(own, float("-inf")).argmax(dim=1)
    return torch.where(further.any(dim=1), nearest_further, furthest)


@torch.no_grad()
def nearest(distance: Tensor) -> Tensor:
    """Return the share of anchors whose positive is nearer than any slice of another clip."""
    own = torch.arange(len(distance), device=distance.device)
    return (distance.argmin(dim=1) == own).float().mean()
