"""Targets that signal processing computes from waveforms, at the frames of the front-end.

Each takes waveforms [B, N] and gives [B, D, frames]. Windows longer than the front-end's are
centered where its own are; beyond the ends of the waveform there is silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend import log_of
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import band_filters
from tiny_audio_ssl.pretext.parts.acoustic_targets import dct
from tiny_audio_ssl.pretext.parts.prosody import prosody

COEFFICIENTS = 20  # of the mel-frequency cepstrum
GAMMATONE_BANDS = 40
LONG_SAMPLES = 2048  # of a long window: 128 ms
EAR_Q, LEAST_HZ = 9.26449, 24.7  # of the equivalent rectangular bandwidth (Glasberg, Moore 1990)


def waveform(wav: Tensor, frontend: FrontendConfig) -> Tensor:
    """Return the samples of the hop around each frame's center: [B, hop, frames]."""
    first = (frontend.window - frontend.hop) // 2
    frames = frontend.frames(wav.shape[1])
    cut = wav[:, first : first + frames * frontend.hop]
    return cut.reshape(len(wav), frames, frontend.hop).transpose(1, 2)


def log_power_spectrum(wav: Tensor, frontend: FrontendConfig, window: int = 0) -> Tensor:
    """Return the logarithm of the power in each bin: [B, fft_size / 2 + 1, frames]."""
    return log_of(power_spectrum(wav, frontend, window))


def mel_cepstrum(wav: Tensor, frontend: FrontendConfig, window: int = 0) -> Tensor:
    """Return the first 20 numbers of the orthonormal DCT-II of the log-mel: [B, 20, frames]."""
    filters = band_filters(_with_window(frontend, window)).to(wav)
    log_mel = log_of(filters @ power_spectrum(wav, frontend, window))
    return dct(frontend.bands)[:COEFFICIENTS].to(wav) @ log_mel


def gammatone(wav: Tensor, frontend: FrontendConfig, window: int = 0) -> Tensor:
    """Return the logarithm of the power behind each of 40 gammatone filters: [B, 40, frames]."""
    filters = gammatone_filters(_with_window(frontend, window)).to(wav)
    return log_of(filters @ power_spectrum(wav, frontend, window))


def power_spectrum(wav: Tensor, frontend: FrontendConfig, window: int = 0) -> Tensor:
    """Return the power in each bin behind a Hann window of that length, or the front-end's if
    0: [B, fft_size / 2 + 1, frames]."""
    config = _with_window(frontend, window)
    before = (config.window - frontend.window) // 2
    padded = F.pad(wav, (before, config.window - frontend.window - before))
    frames = padded.unfold(1, config.window, config.hop)
    hann = torch.hann_window(config.window, dtype=wav.dtype, device=wav.device)
    power: Tensor = torch.fft.rfft(frames * hann, config.fft_size).abs().square()
    return power.transpose(1, 2)


@cache
def gammatone_filters(config: FrontendConfig) -> Tensor:
    """Return the power response of each filter in each bin, [40, fft_size / 2 + 1].

    |H(f)|^2 = (1 + ((f - c) / b)^2)^-4: the fourth-order filter of Patterson et al. 1992 with its
    center c, and b = 1.019 times the equivalent rectangular bandwidth there. Centers are as far
    from each other as their bandwidths, from `min_hz` to `max_hz`. Each response has the sum 1.
    """
    ends = torch.tensor([config.min_hz, config.max_hz], dtype=torch.float64)
    low, high = torch.log1p(ends / (EAR_Q * LEAST_HZ)).tolist()
    steps = torch.linspace(low, high, GAMMATONE_BANDS, dtype=torch.float64)
    centers = EAR_Q * LEAST_HZ * torch.expm1(steps)
    widths = 1.019 * (LEAST_HZ + centers / EAR_Q)
    bins = torch.arange(config.fft_size // 2 + 1, dtype=torch.float64)
    hz = bins * config.sample_rate_hz / config.fft_size
    response = (1 + ((hz - centers[:, None]) / widths[:, None]).square()) ** -4
    return (response / response.sum(dim=1, keepdim=True)).float()


def _with_window(frontend: FrontendConfig, samples: int) -> FrontendConfig:
    if not samples:
        return frontend
    return replace(frontend, window_ms=1000 * samples / frontend.sample_rate_hz)


Target = Callable[[Tensor, FrontendConfig], Tensor]
TARGETS: dict[str, Target] = {
    "waveform": waveform,
    "lps": log_power_spectrum,
    "mfcc": mel_cepstrum,
    "prosody": prosody,
    "gammatone": gammatone,
    "long-lps": partial(log_power_spectrum, window=LONG_SAMPLES),
    "long-mfcc": partial(mel_cepstrum, window=LONG_SAMPLES),
    "long-gammatone": partial(gammatone, window=LONG_SAMPLES),
}
"""Targets by name."""
