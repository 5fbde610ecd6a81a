"""Masks on the spectrogram of a mixture: the base of tasks that enhance or separate sound."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.parts.spectra import InverseStft, MelBins, Stft

HIDDEN = 32


class MaskHead(nn.Module):
    """Maps of the encoder -> scores [B, outputs, bands, frames], before the sigmoid of a mask.

    The last maps are brought to the size of the middle ones and both are mixed, with a bias that is
    a linear map of the embedding; the result is brought to the size of the log-mel and filtered
    with it. With `mobile`, the head has 22 k parameters.
    """

    def __init__(self, encoder: Encoder, outputs: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(encoder.middle_channels + encoder.channels, HIDDEN, 1)
        self.bias = nn.Linear(encoder.feature_dim, HIDDEN)
        self.fine = nn.Conv2d(HIDDEN + 1, HIDDEN + 1, 3, padding=1, groups=HIDDEN + 1)
        self.score = nn.Conv2d(HIDDEN + 1, outputs, 1)

    def forward(self, logmel: Tensor, middle: Tensor, last: Tensor, embedding: Tensor) -> Tensor:
        """Score the log-mel [B, 1, bands, frames], of which the other arguments were made."""
        coarse = self.coarse(torch.cat([middle, _resized(last, middle)], dim=1))
        coarse = F.relu(coarse + self.bias(embedding)[:, :, None, None])
        fine = F.relu(self.fine(torch.cat([_resized(coarse, logmel), logmel], dim=1)))
        scores: Tensor = self.score(fine)
        return scores


def _resized(maps: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(maps, size=like.shape[2:], mode="bilinear", align_corners=False)


class MaskNet(nn.Module):
    """Log-mel and spectrum of a mixture -> spectra of its parts, in slices that the encoder reads
    each on its own."""

    def __init__(
        self, head: nn.Module, frontend: FrontendConfig, outputs: int, slice_frames: int
    ) -> None:
        """Mask by the scores that `head` gives, with the arguments of `MaskHead`."""
        super().__init__()
        self.head = head
        self.frontend, self.outputs, self.slice_frames = frontend, outputs, slice_frames
        self.stft, self.inverse = Stft(frontend), InverseStft(frontend)
        self.bins = MelBins(frontend)

    def whole_samples(self, samples: int) -> int:
        """Return the length of the whole slices that cover this number of samples."""
        config, size = self.frontend, self.slice_frames
        frames = max(1, -(-(samples - config.window) // config.hop) + 1)
        return config.samples(-(-frames // size) * size)

    def scores(self, encoder: Encoder, logmel: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel [B, 1, bands, S * slice_frames] -> scores [B, outputs, bands, frames], and the
        embedding of each slice [B * S, D]."""
        size = self.slice_frames
        count = logmel.shape[3] // size
        slices = logmel
        if count > 1:
            slices = logmel.reshape(*logmel.shape[:3], count, size).permute(0, 3, 1, 2, 4)
            slices = slices.flatten(0, 1)
        middle, last = encoder.maps(slices)
        embedding = encoder.pooled(last)
        scores = self.head(slices, middle, last, embedding)
        if count > 1:
            apart = scores.reshape(-1, count, *scores.shape[1:])
            scores = apart.permute(0, 2, 3, 1, 4).flatten(3)
        return scores, embedding

    def masked(self, spectrum: Tensor, mask: Tensor) -> Tensor:
        """Multiply a spectrum [B, 2 bins, 1, frames] by masks [B, M, bands, frames]:
        [B * M, 2 bins, 1, frames]."""
        gains: Tensor = self.bins(mask.flatten(0, 1))
        if mask.shape[1] == 1:
            return spectrum * gains
        parts = gains.reshape(-1, mask.shape[1], *gains.shape[1:])
        return (spectrum.unsqueeze(1) * parts).flatten(0, 1)

    def waveforms(self, spectrum: Tensor, mask: Tensor) -> Tensor:
        """Return the sound behind each mask [B, M, samples]."""
        waves: Tensor = self.inverse(self.masked(spectrum, mask))
        return waves.reshape(-1, mask.shape[1], waves.shape[1])


class Masking(Pretext):
    """The base of tasks that mask the spectrogram of a mixture.

    The encoder ships; the product consists of the encoder, the head and the transforms.
    """

    takes = "wav"

    outputs: ClassVar[int] = 1

    def __init__(self, config: Any, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        outputs, frames = self.outputs_of(config), config.slice_frames(frontend)
        self.masks = MaskNet(self.build_head(encoder, outputs), frontend, outputs, frames)

    def build_head(self, encoder: Encoder, outputs: int) -> nn.Module:
        """Return the head that scores the bands and frames of a slice."""
        return MaskHead(encoder, outputs)

    @classmethod
    def outputs_of(cls, config: Any) -> int:
        """Return the number of sounds that are estimated."""
        return cls.outputs

    @property
    def samples(self) -> int:
        """Samples of a clip."""
        return int(self.frontend.samples(self.config.clip_frames(self.frontend)))

    def mask(self, scores: Tensor) -> Tensor:
        """Scores [B, M, bands, frames] -> masks, 0..1 unless a task changes that."""
        return scores.float().sigmoid()

    def public_config(self) -> Any:
        """Return the settings without names of folders, for a product's manifest."""
        return self.config

    def estimate(self, encoder: Encoder, logmel: Tensor, mixture: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sounds found in a mixture [B, samples], [B, M, samples], and the embedding of
        each slice [n, D]."""
        scores, embedding = self.masks.scores(encoder, logmel)
        return self.masks.waveforms(self.masks.stft(mixture), self.mask(scores)), embedding

    @torch.no_grad()
    def oracle(self, mixture: Tensor, parts: Tensor) -> Tensor:
        """Return the sounds [B, M, samples] behind the ideal masks of this form, which are made of
        the true parts [B, M, samples]: the share of each in the power of a band and a frame.

        No mask of mel bands does much better, so that it is the ceiling of what can be learned.
        """
        count, bins = parts.shape[1], self.masks.bins
        power = bins.power(self.masks.stft(parts.flatten(0, 1)))
        power = power.reshape(-1, count, *power.shape[1:])
        mask = power / power.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return self.masks.waveforms(self.masks.stft(mixture), mask)
