"""Separation: split the mixture of two recordings into its sounds."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.separation import MixItConfig, SeparationConfig
from tiny_audio_ssl.pretext.parts import distort, sampling, sound_error
from tiny_audio_ssl.pretext.parts.augment import uniform
from tiny_audio_ssl.pretext.parts.masked_sound import separated
from tiny_audio_ssl.pretext.parts.masks import Masking
from tiny_audio_ssl.pretext.product import Product


class TwoRecordings(Masking):
    """The base of tasks that mix two recordings."""

    min_clips = 2

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Mix each clip with another, both at levels that are drawn: "parts" [B, 2, samples], and
        their sum as "mixture" [B, samples] and, for the log-mel, as "wav"."""
        clips = sampling.random_cut(clips, self.samples, rng)
        parts = torch.cat([clips, distort.other_clips(clips, rng)])
        level = float(self.config.level_db)
        parts = distort.change_gain(parts, uniform(-level, level, len(parts), rng))
        parts = torch.stack(parts.chunk(2), dim=1)
        mixture = parts.sum(dim=1)
        return {"wav": mixture, "mixture": mixture, "parts": parts}

    def measured(self, found: Tensor, mixture: Tensor, parts: Tensor) -> dict[str, Tensor]:
        """Return the improvement over the mixtures in dB, of the sounds found [B, 2, samples] and
        of those of the ideal masks."""
        alone = mixture.unsqueeze(1).expand_as(parts)
        ideal = self.oracle(mixture, parts)
        return {
            "improvement_db": sound_error.improvement(found.detach(), alone, parts),
            "improvement_db_of_ideal_mask": sound_error.improvement(ideal, alone, parts),
        }

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        return separated(self, frontend, encoder)


class Separation(TwoRecordings):
    """Separate the mixture of two recordings, each of which is one sound, in either order.

    The loss is the negative SI-SDR, averaged over both, in the better of the two orders
    (permutation-invariant training). The masks add up to 1. Huang et al. 2020 (arXiv 2010.15366)
    begin with the weights of a network that enhances speech: `--start RUN`.
    """

    paper = "Yu, Kolbaek, Tan, Jensen 2016, arXiv 1607.00325, section 2"

    outputs = 2

    Config = SeparationConfig

    def mask(self, scores: Tensor) -> Tensor:
        return scores.float().softmax(dim=1)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        mixture, parts = inputs["mixture"], inputs["parts"]
        found, embedding = self.estimate(encoder, inputs["logmel"], mixture)
        orders = torch.stack([found, found.flip(1)], dim=1)  # [B, order, sound, samples]
        wanted = parts.unsqueeze(1).expand_as(orders)
        ratios = sound_error.si_sdr(orders, wanted, sound_error.SOFT_DB).mean(dim=2)
        best, chosen = ratios.max(dim=1)
        in_order = orders[torch.arange(len(orders)), chosen]
        return {
            "loss": -best.mean(),
            "embedding": embedding,
            "swapped": chosen.float().mean(),
            **self.measured(in_order, mixture, parts),
        }


class MixIt(TwoRecordings):
    """Take a mixture of two recordings, each perhaps of several sounds, apart into sounds that can
    be put together to the recordings again.

    The loss is min_A sum_i l(x_i, [A s]_i), where x are the two recordings, s the sounds found, and
    A assigns each sound to one recording; all 2^outputs assignments are tried. l is the error in dB
    (`sound_error.mixture_error`). What the sounds lack of the mixture is shared equally between
    them, so that they always add up to it. The paper's network is TDCN++ on a learned basis.
    """

    paper = "Wisdom, Tzinis, Erdogan, Weiss, Wilson, Hershey 2020, arXiv 2006.12701, section 3"

    Config = MixItConfig

    @classmethod
    def outputs_of(cls, config: Any) -> int:
        return int(config.outputs)

    def mask(self, scores: Tensor) -> Tensor:
        mask = scores.float().sigmoid()
        return mask + (1 - mask.sum(dim=1, keepdim=True)) / self.masks.outputs

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        mixture, parts = inputs["mixture"], inputs["parts"]
        found, embedding = self.estimate(encoder, inputs["logmel"], mixture)
        together = best_assignment(found, parts) @ found
        return {
            "loss": sound_error.mixture_error(together, parts).sum(dim=1).mean(),
            "embedding": embedding,
            **self.measured(together, mixture, parts),
        }


@torch.no_grad()
def best_assignment(sounds: Tensor, recordings: Tensor) -> Tensor:
    """Assign each sound [B, M, samples] to one of two recordings [B, 2, samples], with the smallest
    sum of their errors in dB: 0 and 1 [B, 2, M].

    Errors come from the products of all pairs, |x - A s|^2 = |x|^2 - 2 A <s, x> + A <s, s> A'.
    """
    first = torch.tensor(list(product((0.0, 1.0), repeat=sounds.shape[1])), device=sounds.device)
    choices = torch.stack([first, 1 - first], dim=1)  # [2^M, 2, M]
    energy = recordings.square().sum(dim=2)[:, None]
    cross = torch.einsum("kim,bmi->bki", choices, sounds @ recordings.mT)
    own = torch.einsum("kim,bml,kil->bki", choices, sounds @ sounds.mT, choices)
    share = 10 ** (-sound_error.SOFT_DB / 10)
    error = (energy - 2 * cross + own).clamp_min(0) + share * energy
    total = torch.log10(error + sound_error.SILENCE).sum(dim=2)
    return choices[total.argmin(dim=1)]
