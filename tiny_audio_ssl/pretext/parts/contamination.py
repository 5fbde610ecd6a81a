"""The distortions of PASE+, each applied to a random share of the clips (arXiv 2001.09239)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.pretext.parts import distort, sampling
from tiny_audio_ssl.pretext.parts.augment import uniform

SNRS_DB = (0.0, 5.0, 10.0)
NYQUIST_HZ = SAMPLE_RATE_HZ / 2
Distortion = Callable[[Tensor, torch.Generator], Tensor]


def contaminate(wav: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Return waveforms [B, samples], a share of which is distorted.

    Each of these clips gets each distortion with its probability in DISTORTIONS, which is that of
    the authors' configuration.
    """
    is_distorted = torch.rand(len(wav), generator=rng) < share
    changed = wav
    for distortion, probability in DISTORTIONS:
        drawn = torch.rand(len(wav), generator=rng) < probability
        chosen = (is_distorted & drawn).nonzero().squeeze(1).to(wav.device)
        if len(chosen):
            changed = changed.index_copy(0, chosen, distortion(changed, rng)[chosen])
    return changed


def _reverberate(wav: Tensor, rng: torch.Generator) -> Tensor:
    return distort.reverberate(wav, uniform(0.1, 0.8, len(wav), rng), rng)


def _add_noise(wav: Tensor, rng: torch.Generator) -> Tensor:
    """Add colored noise; the paper adds recorded noise."""
    noise = distort.colored_noise(wav.shape[1], uniform(0, 2, len(wav), rng), rng)
    return distort.add_noise(wav, noise, _snr_db(wav, rng))


def _add_another_clip(wav: Tensor, rng: torch.Generator) -> Tensor:
    return distort.add_noise(wav, distort.other_clips(wav, rng), _snr_db(wav, rng))


def _drop_band(wav: Tensor, rng: torch.Generator) -> Tensor:
    """Remove a band of 0.2 to 1 kHz."""
    low_hz = uniform(100, NYQUIST_HZ - 1000, len(wav), rng)
    return distort.reject_band(wav, low_hz, low_hz + uniform(200, 1000, len(wav), rng))


def _lower_rate(wav: Tensor, rng: torch.Generator) -> Tensor:
    """Remove the frequencies that a sample rate of 4 to 8 kHz cannot represent."""
    limit_hz = uniform(2000, 4000, len(wav), rng)
    return distort.reject_band(wav, limit_hz, torch.full_like(limit_hz, NYQUIST_HZ))


def _clip(wav: Tensor, rng: torch.Generator) -> Tensor:
    return distort.clip_peaks(wav, uniform(0.8, 0.99, len(wav), rng))


def _chop(wav: Tensor, rng: torch.Generator) -> Tensor:
    """Silence 20 to 200 ms."""
    length = (uniform(0.02, 0.2, len(wav), rng) * SAMPLE_RATE_HZ).long().clamp_max(wav.shape[1])
    start = (torch.rand(len(wav), generator=rng) * (wav.shape[1] - length + 1)).long()
    return distort.drop_time(wav, start, length)


def _snr_db(wav: Tensor, rng: torch.Generator) -> Tensor:
    return torch.tensor(SNRS_DB)[sampling.integers(0, len(SNRS_DB) - 1, len(wav), rng)]


DISTORTIONS: tuple[tuple[Distortion, float], ...] = (
    (_reverberate, 0.5),
    (_add_another_clip, 0.1),
    (_add_noise, 0.4),
    (_drop_band, 0.35),
    (_lower_rate, 0.25),
    (_clip, 0.2),
    (_chop, 0.2),
)
"""Distortions in the order in which they are applied, and the probability of each."""
