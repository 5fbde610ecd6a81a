"""Permutation: put the shuffled patches of a slice back in order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.permutation import PermutationConfig
from tiny_audio_ssl.pretext.parts import sampling


class Permutation(Pretext):
    """Rank the patches of a shuffled slice; all permutations may occur.

    The task gives a score theta to the patch at each place, by a linear layer on the last maps as
    they are: pooled over time, they would not tell what is where. The loss is the perturbed
    Fenchel-Young loss mean_m max_y <y, theta + eps Z_m> - <y*, theta>, where y is any ordering of
    the ranks 0, 1 / (n - 1), ..., 1, y* the true ranks and Z_m normal noise. The maximum is the
    product of sorted ranks and sorted scores, so that its gradient is the mean of the perturbed
    ranks. One frame (and one band) between patches is left out and zero, or their edges would tell
    who neighbors whom.
    """

    paper = (
        "Carr, Berthet, Blondel, Teboul, Zeghidour 2021, arXiv 2103.09879, section 3; Berthet et "
        "al. 2020, arXiv 2002.08676, section 4"
    )

    Config = PermutationConfig

    def __init__(
        self, config: PermutationConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.patches = config.time_patches * config.band_patches
        columns = encoder.columns(config.slice_frames(frontend))
        self.score = nn.Linear(encoder.channels * encoder.rows * columns, self.patches)
        self.size = (config.patch_bands(frontend), config.patch_frames(frontend))

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Shuffle the patches of a random slice of each clip.

        Gives "shuffled" [B, 1, bands, frames], "ranks" [B, n] in 0..1 of the patch at each place,
        and "noise" [B, draws, n].
        """
        frames = self.config.slice_frames(self.frontend)
        slices = sampling.random_cut(clips, frames, rng)
        order = torch.rand(len(clips), self.patches, generator=rng).argsort(dim=1)
        noise = torch.randn(len(clips), self.config.noise_draws, self.patches, generator=rng)
        return {
            "shuffled": self._shuffled(slices, order.to(clips.device)),
            "ranks": (order / (self.patches - 1)).to(clips.device),
            "noise": noise.to(clips.device),
        }

    def _shuffled(self, slices: Tensor, order: Tensor) -> Tensor:
        """Put patch `order[i]` at place i; places are numbered along frequency first."""
        bands, frames = self.size
        places = [
            (band * (bands + 1), time * (frames + 1))
            for time in range(self.config.time_patches)
            for band in range(self.config.band_patches)
        ]
        patches = torch.stack(
            [slices[:, 0, b : b + bands, t : t + frames] for b, t in places], dim=1
        )
        patches = patches[torch.arange(len(order), device=order.device)[:, None], order]
        shuffled = torch.zeros_like(slices)
        for place, (b, t) in enumerate(places):
            shuffled[:, 0, b : b + bands, t : t + frames] = patches[:, place]
        return shuffled

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        _, maps = encoder.maps(inputs["shuffled"])
        scores, ranks = self.score(maps.flatten(1)), inputs["ranks"]
        perturbed = scores[:, None] + self.config.noise * inputs["noise"]
        highest = (perturbed.sort(dim=2).values * ranks.sort(dim=1).values[:, None]).sum(dim=2)
        loss = highest.mean(dim=1) - (scores * ranks).sum(dim=1)
        return {
            "loss": loss.mean(),
            "embedding": encoder.pooled(maps),
            **_agreement(scores.detach(), ranks),
        }


def _agreement(scores: Tensor, ranks: Tensor) -> dict[str, Tensor]:
    """Return Kendall's tau, -1..1, and the share of clips whose order is exactly right."""
    given = torch.sign(scores[:, :, None] - scores[:, None, :])
    true = torch.sign(ranks[:, :, None] - ranks[:, None, :])
    pairs = ranks.shape[1] * (ranks.shape[1] - 1)
    tau = (given * true).sum(dim=(1, 2)) / pairs
    exact = (scores.argsort(dim=1) == ranks.argsort(dim=1)).all(dim=1)
    return {"tau": tau.mean(), "exact": exact.float().mean()}
