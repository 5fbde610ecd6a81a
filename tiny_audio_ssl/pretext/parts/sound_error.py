"""The error of an estimated sound relative to the true one, in decibels.

All take waveforms [..., samples]. Where the true sound is silent there is no ratio: the functions
that return one give 0 there, without a gradient, and never NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SILENCE = 1e-8  # energy below which a sound is silent
SMALLEST = 1e-8  # ratio of energies, -80 dB; its inverse is the largest
SOFT_DB = 30.0  # higher ratios are hardly rewarded, or easy, loud clips would dominate
SEGMENT, SEGMENT_HOP = 1024, 256  # samples


def si_sdr(estimate: Tensor, true: Tensor, soft_db: float | None = None) -> Tensor:
    """Return the scale-invariant signal-to-distortion ratio in dB [...], -80..80:
    10 log10(|a s|^2 / |a s - e|^2) with a = <e, s> / |s|^2 (Le Roux et al. 2019, 1811.02508).

    Both energies are divided by that of e, which makes them c and 1 - c, where c is the squared
    cosine of e and s; so a silent estimate has the lowest ratio.

    Args:
        soft_db: soft upper limit of the ratios in dB, by adding the
            share 10^(-soft_db / 10) of the signal to the distortion.
    """
    energy = true.square().sum(dim=-1)
    both = (energy * estimate.square().sum(dim=-1)).clamp_min(SILENCE**3)
    signal = (estimate * true).sum(dim=-1).square() / both
    error = (1 - signal).clamp_min(0)
    if soft_db is not None:
        error = error + 10 ** (-soft_db / 10) * signal
    ratio = 10 * (torch.log10(signal + SMALLEST) - torch.log10(error + SMALLEST))
    return torch.where(energy > SILENCE, ratio, 0.0)


def si_sdr_loss(estimate: Tensor, true: Tensor) -> Tensor:
    """Return the negative mean SI-SDR of the clips whose true sound is not silent; of none, 0."""
    heard = true.square().sum(dim=-1) > SILENCE
    return -si_sdr(estimate, true, SOFT_DB).sum() / heard.sum().clamp_min(1)


def improvement(estimate: Tensor, mixture: Tensor, true: Tensor) -> Tensor:
    """Return the mean improvement of the SI-SDR of the estimate over that of the mixture, in dB.

    An estimate below -30 dB, such as a silent one, counts as -30 dB.
    """
    heard = true.square().sum(dim=-1) > SILENCE
    gain = si_sdr(estimate, true).clamp_min(-SOFT_DB) - si_sdr(mixture, true)
    return gain.sum() / heard.sum().clamp_min(1)


def segments(wav: Tensor) -> Tensor:
    """Cut waveforms [..., samples] into segments of 1024 samples every 256: [..., n, 1024]."""
    return wav.unfold(-1, SEGMENT, SEGMENT_HOP) * torch.hann_window(SEGMENT, device=wav.device)


def segmental_loss(estimate: Tensor, true: Tensor, weights: Tensor) -> Tensor:
    """Return the negative SI-SDR of each segment, times its weight, averaged over each clip [...].

    Args:
        weights: of frames [..., frames], 0..1; interpolated to the segments.
    """
    ratios = si_sdr(segments(estimate), segments(true), SOFT_DB)
    return -(ratios * at_segments(weights, ratios.shape[-1])).mean(dim=-1)


def at_segments(values: Tensor, count: int) -> Tensor:
    """Interpolate values of frames [B, frames] to `count` segments [B, count]."""
    return F.interpolate(values.unsqueeze(1), size=count, mode="linear").squeeze(1)


def mixture_error(estimate: Tensor, true: Tensor) -> Tensor:
    """Return the error of an estimated mixture in dB, as MixIT minimizes it [...]:
    10 log10((|y - e|^2 + tau |y|^2) / |y|^2) with tau = 10^(-30 / 10).

    -30 for a perfect estimate, 0 for silence.
    """
    energy = true.square().sum(dim=-1)
    error = (true - estimate).square().sum(dim=-1) + 10 ** (-SOFT_DB / 10) * energy
    return 10 * (torch.log10(error + SILENCE) - torch.log10(energy + SILENCE))
