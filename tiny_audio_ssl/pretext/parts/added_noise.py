"""The base of tasks that add noise to recordings."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.parts import distort, sampling, sound_error
from tiny_audio_ssl.pretext.parts.augment import uniform
from tiny_audio_ssl.pretext.parts.masks import Masking
from tiny_audio_ssl.pretext.parts.mixing import sounds_and_noise


class AddedNoise(Masking):
    """The part that tasks share which add noise to a recording and estimate it."""

    def draw(self, clips: Tensor, rng: torch.Generator, kind: Tensor | None = None) -> Inputs:
        """Add noise at a drawn level: "mixture" and "target" [B, samples], and for the log-mel
        "wav", the mixture."""
        clips = sampling.random_cut(clips, self.samples, rng)
        target, noise = sounds_and_noise(clips, kind, rng)
        mixture = distort.add_noise(target, noise, self.snr_db_of(len(target), rng))
        return {"wav": mixture, "mixture": mixture, "target": target}

    def snr_db_of(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw the signal-to-noise ratio in dB for each of `count` recordings."""
        return uniform(self.config.min_snr_db, self.config.max_snr_db, count, rng)

    def measured(self, found: Tensor, mixture: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return by how many dB the estimates are better than the mixtures, and those of the ideal
        mask."""
        ideal = self.oracle(mixture, torch.stack([target, mixture - target], dim=1))[:, 0]
        return {
            "improvement_db": sound_error.improvement(found.detach(), mixture, target),
            "improvement_db_of_ideal_mask": sound_error.improvement(ideal, mixture, target),
        }
