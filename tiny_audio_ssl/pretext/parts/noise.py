"""Colored noise that is added to log-mels, as mel power.

It needs no Fourier transform in a step: the noise is computed once, and each clip gets a random
part of it.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from tiny_audio_ssl.models.frontend import log_of, power_of
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import mel_spectrum
from tiny_audio_ssl.pretext.parts import augment, distort, sampling

SOUNDS = 512
SLOPES = (0.0, 2.0)  # power falls with frequency to this power: from white to brown
RMS = 0.1
SEED = 0
QUIETEST = 1e-12  # power of a clip that is silent


def add_noise(
    log_mel: Tensor, frontend: FrontendConfig, snr_db: tuple[float, float], rng: torch.Generator
) -> Tensor:
    """Return [B, 1, bands, frames], not normalized, with noise of a random color and level.

    The signal-to-noise ratio is that of the mean mel powers of a clip, uniform in `snr_db`. The
    powers are added: the product of sound and noise, zero in the mean, is left out.
    """
    sounds = noise_power(frontend, log_mel.shape[3])
    chosen = sampling.integers(0, SOUNDS - 1, len(log_mel), rng)
    lowest, highest = snr_db
    ratio_db = lowest + (highest - lowest) * torch.rand(len(log_mel), 1, 1, 1, generator=rng)
    shift = int(sampling.integers(0, log_mel.shape[3] - 1, 1, rng))
    noise = torch.roll(sounds[chosen], shift, dims=3).to(log_mel.device)
    power = power_of(log_mel)
    level = power.mean(dim=(1, 2, 3), keepdim=True) / noise.mean(dim=(1, 2, 3), keepdim=True)
    gain = level.clamp_min(QUIETEST) * 10 ** (-ratio_db.to(log_mel.device) / 10)
    return log_of(power + gain * noise)


@cache
@torch.no_grad()
def noise_power(frontend: FrontendConfig, frames: int) -> Tensor:
    """Return the mel powers of noises [SOUNDS, 1, bands, frames], always the same."""
    rng = torch.Generator().manual_seed(SEED)
    slopes = augment.uniform(*SLOPES, SOUNDS, rng)
    waves = RMS * distort.colored_noise(frontend.samples(frames), slopes, rng)
    power: Tensor = mel_spectrum(frontend)(waves)  # [bands, B, frames]
    return power.transpose(0, 1)[:, None]
