"""DAPC: codes whose past predicts their future, and from which masked parts can be filled in."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.dapc import DapcConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.parts.context import Transformer
from tiny_audio_ssl.pretext.parts.steps import Steps

EPSILON = 1e-4  # added to the diagonal of a covariance


class Dapc(Steps):
    """loss = -I + a |Cov(z) - 1|_F^2 + b (error of the reconstruction where it was masked)^2

    I is the predictive information of the codes z: that of T steps about the T that follow, if both
    are Gaussian (see `predictive_information`). It does not change with a linear map of z, so the
    second term fixes the scale. The codes of masked log-mels are decoded by a transformer over all
    steps, which is discarded with z: only the encoder ships. Neighboring slices share no samples,
    because I would count shared ones.
    """

    paper = "Bai, Wang, Zhou, Xiong 2020, arXiv 2010.03135, sections 2 and 3"
    min_clips = 2
    hides = "frames"

    Config = DapcConfig

    def __init__(self, config: DapcConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        hidden = config.hidden
        self.shape = (1, frontend.bands, self.slice_frames)
        self.decoder = nn.Sequential(
            nn.Linear(config.size, hidden), Transformer(hidden, config.layers),
            nn.Linear(hidden, self.slice_frames * frontend.bands),
        )  # fmt: skip

    @classmethod
    def clips_needed(cls, config: DapcConfig) -> int:
        """Return the clips that give twice as many windows of 2 T steps as these have numbers."""
        windows = config.steps - 2 * config.window_steps + 1
        return max(cls.min_clips, -(-4 * config.window_steps * config.size // windows))

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Cut clips, and mask stripes of frames and of bands: "mask" is true where it is hidden."""
        logmel, config = self.crop(clips, rng), self.config
        count, _, bands, frames = logmel.shape
        mask = torch.zeros(count, 1, bands, frames, dtype=torch.bool)
        longest = min(config.mask_frames(self.frontend), frames)
        widest = min(config.mask_bands, bands)
        for _ in range(config.masks):
            mask |= sampling.stripes(count, frames, 1, longest, rng)[:, None, None]
            mask |= sampling.stripes(count, bands, 1, widest, rng)[:, None, :, None]
        return {"logmel": logmel, "mask": mask.to(logmel.device)}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        logmel, mask = inputs["logmel"], inputs["mask"]
        both = torch.cat([logmel, logmel.masked_fill(mask, 0)])
        embedding = self.encode(encoder, both)
        clean, masked = self.project(embedding).chunk(2)
        information = predictive_information(clean, self.config.window_steps)
        z = clean.flatten(0, 1)
        apart = covariance(z) - torch.eye(z.shape[1], device=z.device)
        decorrelation = (apart * apart).sum()
        hidden = self.slices(mask)
        errors = (self.decoded(masked) - self.slices(logmel)) ** 2 * hidden
        error = errors.sum() / hidden.sum()
        config = self.config
        return {
            "loss": config.decorrelation * decorrelation
            + config.reconstruction * error
            - information,
            "embedding": embedding[: len(logmel)].flatten(0, 1),
            "predictive_information": information,
            "reconstruction_error": error,
        }

    def decoded(self, z: Tensor) -> Tensor:
        """Codes [B, steps, size] -> slices of the log-mel [B, steps, 1, bands, slice_frames]."""
        slices: Tensor = self.decoder(z).unflatten(2, self.shape)
        return slices

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        hidden = self.slices(inputs["mask"])
        heard = inputs["logmel"].masked_fill(inputs["mask"], 0)
        prediction = self.decoded(self.project(self.encode(encoder, heard)))
        yield prediction * hidden, self.slices(inputs["logmel"]) * hidden


def predictive_information(z: Tensor, steps: int) -> Tensor:
    """Return what `steps` of z tell of as many that follow, in nats, if z is Gaussian.

    I = (log det C_past + log det C_future - log det C_both) / 2, in float64; for a stationary
    sequence it is log det C_T - log det C_2T / 2 (section 2.1).

    Args:
        z: [B, S, d], of which every window of 2 x `steps` steps is an example.
    """
    size = steps * z.shape[2]
    windows = z.unfold(1, 2 * steps, 1).transpose(2, 3).flatten(0, 1).flatten(1)
    both = covariance(windows.double())
    both = both + EPSILON * torch.eye(2 * size, device=z.device, dtype=both.dtype)
    parts = (both[:size, :size], both[size:, size:], both)
    past, future, together = (torch.linalg.slogdet(part).logabsdet for part in parts)
    information: Tensor = ((past + future - together) / 2).to(z.dtype)
    return information


def covariance(rows: Tensor) -> Tensor:
    """[n, d] -> [d, d]"""
    centered = rows - rows.mean(dim=0)
    return centered.T @ centered / len(rows)
