"""Mix-back: find the other patch of a recording, with others quietly in the background."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.data.batches import Batch
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel, log_of, power_of
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.mix_back import MixBackConfig
from tiny_audio_ssl.pretext.parts import augment, contrast, sampling
from tiny_audio_ssl.pretext.parts.heads import perceptron
from tiny_audio_ssl.pretext.parts.pairs import Pairs

SILENCE = 1e-12  # energy of a patch below which nothing is mixed with it


class MixBack(Pairs):
    """NT-Xent over two augmented patches of each clip.

    The augmentations, in this order: a background from another clip is mixed into the power
    spectrum, (1 - a) x + a E(x) / E(b) b, where E is the energy of the patch, so that the
    foreground always dominates; a random part is cut out and resized; the normalized log-mel is
    multiplied by a factor (compansion); noise is added. Each patch has draws of its own.
    """

    paper = "Fonseca, Ortego, McGuinness, O'Connor, Serra 2021, arXiv 2011.07616, section 2"

    min_clips = 2

    Config = MixBackConfig

    def __init__(self, config: MixBackConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        norm = encoder.config.norm
        self.projector = perceptron(encoder.feature_dim, config.hidden, config.projection, norm)

    def inputs(self, frontend: LogMel, clips: Batch, rng: torch.Generator) -> Inputs:
        """Let `draw` undo the normalization of the front-end, since power is what is mixed."""
        assert isinstance(clips, Tensor)  # the task has no columns and prepares nothing
        mean, inverse_std = frontend.mean[:, 0], frontend.inverse_std[:, 0]
        return self.draw(frontend(clips), rng, mean, inverse_std)

    def draw(
        self,
        clips: Tensor,
        rng: torch.Generator,
        mean: Tensor | float = 0.0,
        inverse_std: Tensor | float = 1.0,
    ) -> Inputs:
        """Cut and augment two patches of each clip, normalized as (log-mel - mean) x inverse_std.

        `mean` and `inverse_std` are numbers, or [bands, 1].
        """
        views = {}
        for name, patch in super().draw(clips, rng).items():
            log_mel = mix_back(patch / inverse_std + mean, rng, self.config.mix)
            views[name] = self._augmented((log_mel - mean) * inverse_std, rng)
        return views

    def _augmented(self, logmel: Tensor, rng: torch.Generator) -> Tensor:
        config, count, device = self.config, len(logmel), logmel.device
        logmel = augment.random_area_crop(logmel, rng, config.smallest_crop)
        factor = augment.uniform(config.compansion, 1, count, rng).to(device)
        deviation = augment.uniform(0, config.noise, count, rng).to(device)
        noise = torch.randn(logmel.shape, generator=rng).to(device)
        return logmel * factor[:, None, None, None] + noise * deviation[:, None, None, None]

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(torch.cat([inputs["anchor"], inputs["positive"]]))
        projected = self.projector(embedding)
        first, second = projected.detach().chunk(2)
        return {
            "loss": contrast.nt_xent(projected, self.config.temperature),
            "embedding": embedding,
            "accuracy": contrast.accuracy(contrast.cosines(first, second)),
        }


def mix_back(log_mel: Tensor, rng: torch.Generator, largest: float) -> Tensor:
    """Mix another clip into each, in power and at its energy: equation 1 of the paper.

    `log_mel` [B, 1, bands, T] is not normalized. The share of the other clip is uniform in
    0..`largest`.
    """
    share = augment.uniform(0, largest, len(log_mel), rng).to(log_mel.device)[:, None, None, None]
    background = sampling.others(len(log_mel), rng).to(log_mel.device)
    power = power_of(log_mel)
    energy = power.sum(dim=(1, 2, 3), keepdim=True)
    level = energy / energy[background].clamp_min(SILENCE)
    mixed = (1 - share) * power + share * level * power[background]
    return log_of(mixed)
