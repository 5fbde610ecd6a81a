"""PseudoSE and contrastive mixtures: learn to enhance one user's noisy recordings from them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.enhancement import ContrastiveMixturesConfig, PseudoSeConfig
from tiny_audio_ssl.pretext.parts import distort, sound_error
from tiny_audio_ssl.pretext.parts.added_noise import AddedNoise
from tiny_audio_ssl.pretext.parts.masked_sound import enhanced
from tiny_audio_ssl.pretext.parts.mixing import sounds_and_noise
from tiny_audio_ssl.pretext.product import Product
from tiny_audio_ssl.pretext.tasks.segmental_snr import SnrEstimator


class PseudoSe(AddedNoise):
    """Estimate a recording that is noisy itself from the recording with more noise.

    A user's recordings x = s + n are all there is of the user; none is clean. The input is x + n',
    the target x. With `purify`, the loss is taken in segments, each times w, the logistic function
    of its SNR as a run of `segmental-snr` estimates it, so that the cleaner parts of x teach more.
    The distance E of two sounds is their negative SI-SDR; the papers also use the plain ratio.
    """

    paper = "Sivaraman, Kim 2022, arXiv 2104.02017, and arXiv 2104.02018 for data purification"

    Config = PseudoSeConfig

    def __init__(self, config: PseudoSeConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.estimator = SnrEstimator(config.purify) if config.purify else None

    def public_config(self) -> PseudoSeConfig:
        config: PseudoSeConfig = replace(self.config, purify="")
        return config

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        mixture, target = inputs["mixture"], inputs["target"]
        sounds, embedding = self.estimate(encoder, inputs["logmel"], mixture)
        found = sounds[:, 0]
        return {
            "loss": self.loss(found, target, inputs),
            "embedding": embedding,
            **self.measured(found, mixture, target),
        }

    def loss(self, found: Tensor, target: Tensor, inputs: Inputs) -> Tensor:
        """Return the mean of E(found, target) over the batch."""
        return self.distance(found, target, self.weights(target)).mean()

    def weights(self, target: Tensor) -> Tensor | None:
        """Return how much each frame of the recordings counts [B, frames], 0..1."""
        return self.estimator(target) if self.estimator else None

    @staticmethod
    def distance(one: Tensor, other: Tensor, weights: Tensor | None) -> Tensor:
        """Return E of sounds [B, samples], weighted frame by frame if there are weights: [B]."""
        if weights is None:
            return -sound_error.si_sdr(one, other, sound_error.SOFT_DB)
        return sound_error.segmental_loss(one, other, weights)

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        return enhanced(self, frontend, encoder)


class ContrastiveMixtures(PseudoSe):
    """PseudoSE on pairs of mixtures, whose estimates y are compared with each other, too.

    Half of the pairs are positive: one recording x with two noises; its estimates should be the
    same. The others are negative: two recordings with one noise; their estimates should be as far
    from each other as the recordings are. With the distance E, the loss of a pair is

        E(y1, x1) + E(y2, x2) + positive * E(y1, y2)                        or
        E(y1, x1) + E(y2, x2) + negative * (E(y1, y2) - E(x1, x2))^2

    With `purify`, the distances of a negative pair are weighted by w1 w2. Noise is never another
    recording of the batch, which may be the second of the pair, unless the manifest says its kind.
    """

    paper = "Sivaraman, Kim 2020, arXiv 2011.03426, and arXiv 2104.02017"

    min_clips = 2

    Config = ContrastiveMixturesConfig

    def draw(self, clips: Tensor, rng: torch.Generator, kind: Tensor | None = None) -> Inputs:
        """Make a pair of each clip: "mixture" and "target" [2B, samples], the second of each pair
        B rows later, and "is_positive" [B]."""
        clips = self.cut(clips, rng)
        first, noise = sounds_and_noise(clips, kind, rng, made_share=1)
        is_positive = (torch.rand(len(first), generator=rng) < 0.5).to(clips.device)
        again = is_positive[:, None]
        second = torch.where(again, first, distort.other_clips(first, rng))
        other_noise = torch.where(again, distort.other_clips(noise, rng), noise)
        target, noises = torch.cat([first, second]), torch.cat([noise, other_noise])
        mixture = distort.add_noise(target, noises, self.snr_db_of(len(target), rng))
        return {"wav": mixture, "mixture": mixture, "target": target, "is_positive": is_positive}

    def loss(self, found: Tensor, target: Tensor, inputs: Inputs) -> Tensor:
        (y1, y2), (x1, x2) = found.chunk(2), target.chunk(2)
        w1, w2 = self.weights(x1), self.weights(x2)
        both = None if w1 is None or w2 is None else w1 * w2
        of_each = self.distance(y1, x1, w1) + self.distance(y2, x2, w2)
        apart = self.distance(y1, y2, both) - self.distance(x1, x2, both)
        of_pair = torch.where(
            inputs["is_positive"],
            self.config.positive * self.distance(y1, y2, w1),
            self.config.negative * apart.square(),
        )
        return (of_each + of_pair).mean()
