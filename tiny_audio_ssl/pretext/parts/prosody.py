"""Prosody of waveforms: pitch by autocorrelation, voicing, zero crossings and energy of frames."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.models.frontend_config import FrontendConfig

LOWEST_HZ: Final = 60.0
HIGHEST_HZ: Final = 500.0
VOICED: Final = 0.5  # correlation of a period with the next, from which a frame is voiced
NEARLY: Final = 0.9  # of the largest peak: the first peak so large is taken, or octaves are lost
QUIETEST: Final = 1e-8  # mean square, of a sound at -80 dB of full scale
NOWHERE_VOICED_HZ: Final = 120.0  # pitch of a clip without a voiced frame

FIRST_LAG: Final = math.floor(SAMPLE_RATE_HZ / HIGHEST_HZ) - 1
LAST_LAG: Final = math.ceil(SAMPLE_RATE_HZ / LOWEST_HZ) + 1


def prosody(wav: Tensor, frontend: FrontendConfig) -> Tensor:
    """Waveforms [B, N] -> logarithm of the pitch in Hz, voicing (0 or 1), share of zero crossings
    and logarithm of the mean square, [B, 4, frames].

    Pitch is interpolated in time where frames are not voiced.
    """
    frames = _centered(wav, frontend.window, frontend)
    pitch_hz, voiced = pitch(wav, frontend)
    crossings = (frames[..., 1:] * frames[..., :-1] < 0).to(wav.dtype).mean(dim=2)
    energy = (frames.square().mean(dim=2) + QUIETEST).log()
    log_pitch = interpolated(pitch_hz.log(), voiced)
    return torch.stack([log_pitch, voiced.to(wav.dtype), crossings, energy], dim=1)


def pitch(wav: Tensor, frontend: FrontendConfig) -> tuple[Tensor, Tensor]:
    """Waveforms [B, N] -> pitch in Hz, within 60 to 500, and whether it is voiced, [B, frames].

    The pitch is the first large peak of the normalized correlation of a window with the samples a
    lag later, between the lags by a parabola. In frames that are not voiced, it is meaningless.
    """
    size = frontend.window
    frames = _centered(wav, size + LAST_LAG, frontend)
    frames = frames - frames.mean(dim=2, keepdim=True)
    correlation = _correlation(frames, size)[..., FIRST_LAG:]
    before, here, after = correlation[..., :-2], correlation[..., 1:-1], correlation[..., 2:]
    peaks = torch.where((here > before) & (here >= after), here, 0)
    largest = peaks.amax(dim=2, keepdim=True)
    place = (peaks >= NEARLY * largest).to(torch.uint8).argmax(dim=2, keepdim=True)  # the first
    left, middle, right = (part.gather(2, place)[..., 0] for part in (before, here, after))
    curvature = left - 2 * middle + right
    shift = torch.where(curvature < 0, 0.5 * (left - right) / curvature.clamp_max(-1e-9), 0.0)
    lag = FIRST_LAG + 1 + place[..., 0] + shift
    loud = frames[..., :size].square().mean(dim=2) > QUIETEST
    return SAMPLE_RATE_HZ / lag, (largest[..., 0] > VOICED) & loud


def interpolated(values: Tensor, known: Tensor) -> Tensor:
    """Replace values [B, T] that are not known by a line between those around them.

    Beyond the first and the last known value, that value is repeated; without any, the pitch is 120
    Hz.
    """
    count = values.shape[1]
    place = torch.arange(count, device=values.device)
    before = torch.where(known, place, -1).cummax(dim=1).values
    after = torch.where(known, place, count).flip(1).cummin(dim=1).values.flip(1)
    first = torch.where(before < 0, after, before).clamp_max(count - 1)
    second = torch.where(after == count, before, after).clamp_min(0)
    share = (place - first) / (second - first).clamp_min(1)
    line = torch.lerp(values.gather(1, first), values.gather(1, second), share.to(values.dtype))
    return torch.where(known.any(dim=1, keepdim=True), line, math.log(NOWHERE_VOICED_HZ))


def _correlation(frames: Tensor, size: int) -> Tensor:
    """Return the correlation of the first `size` samples with those a lag later, over the root of
    their energies: [B, frames, size + LAST_LAG] -> [B, frames, LAST_LAG + 1]."""
    length = frames.shape[2]
    first = torch.fft.rfft(F.pad(frames[..., :size], (0, length - size)))
    products = torch.fft.irfft(torch.fft.rfft(frames) * first.conj(), length)[..., : LAST_LAG + 1]
    sums = F.pad(frames.square().cumsum(dim=2), (1, 0))
    energy = sums[..., size : size + LAST_LAG + 1] - sums[..., : LAST_LAG + 1]
    both = (energy[..., :1] * energy).clamp_min((QUIETEST * size) ** 2)
    normalized: Tensor = products / both.sqrt()
    return normalized


def _centered(wav: Tensor, size: int, frontend: FrontendConfig) -> Tensor:
    """Cut `size` samples around the center of each frame of the front-end: [B, frames, size].

    Beyond the ends of the waveform there is silence.
    """
    before = (size - frontend.window) // 2
    padded = F.pad(wav, (before, size - frontend.window - before))
    return padded.unfold(1, size, frontend.hop)
