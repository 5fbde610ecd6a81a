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
    """The base of tasks that add noise to a recording and estimate the clean sound."""

    def draw(self, clips: Tensor, rng: torch.Generator, kind: Tensor | None = None) -> Inputs:
        """Add noise at a drawn level: "mixture" and "target" [B, samples], and for the log-mel
        "wav", the mixture."""
        clips = self.cut(clips, rng)
        target, noise = sounds_and_noise(clips, kind, rng)
        mixture = distort.add_noise(target, noise, self.snr_db_of(len(target), rng))
        return {"wav": mixture, "mixture": mixture, "target": target}

    def cut(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        """Cut a random part of each clip, and change its level by up to `level_db`.

        The log-mel is not normalized by the clip, so without other levels in training the masks of
        quiet recordings make them worse.
        """
        clips = sampling.random_cut(clips, self.samples, rng)
        largest = self.config.level_db
        return distort.change_gain(clips, uniform(-largest, largest, len(clips), rng))

    def snr_db_of(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw the signal-to-noise ratio in dB for each of `count` recordings."""
        return uniform(self.config.min_snr_db, self.config.max_snr_db, count, rng)

    def measured(self, found: Tensor, mixture: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return the improvement over the mixtures in dB, of the estimates and of the ideal
        mask."""
        ideal = self.oracle(mixture, torch.stack([target, mixture - target], dim=1))[:, 0]
        return {
            "improvement_db": sound_error.improvement(found.detach(), mixture, target),
            "improvement_db_of_ideal_mask": sound_error.improvement(ideal, mixture, target),
        }
