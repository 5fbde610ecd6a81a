"""Distortions of waveforms, clip by clip, with parameters that the caller draws.

All take waveforms [B, samples] (mono, -1..1, 16 kHz), give each clip a parameter of its own ([B],
on any device), edit nothing in place and return the same shape on the same device. The functions
that need more randomness than their parameters take a generator, `rng`, which is on the CPU. So
`shift_pitch(wav, augment.uniform(-300, 300, len(wav), rng))` shifts each clip by another interval.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.pretext.parts import sampling

FFT_SIZE: Final = 1024  # of the phase vocoder: 64 ms
HOP: Final = FFT_SIZE // 4
LOWEST_NOISE_HZ: Final = 20.0  # colored noise has no more power below it
SILENCE: Final = 1e-10  # power below which a clip or a bin holds nothing
FADE_SHAPES: Final = 5  # linear, logarithmic, exponential, quarter and half of a sine

# --- level and time -----------------------------------------------------------------------------


def change_gain(wav: Tensor, gain_db: Tensor) -> Tensor:
    """Multiply each clip by 10^(gain_db / 20)."""
    return wav * 10 ** (_column(gain_db, wav) / 20)


def clip_peaks(wav: Tensor, quantile: Tensor) -> Tensor:
    """Limit the magnitude of each clip to this quantile, 0..1, of its magnitudes."""
    magnitudes = wav.abs().sort(dim=1).values
    place = (_column(quantile, wav) * (wav.shape[1] - 1)).round().long()
    limit = magnitudes.gather(1, place)
    return wav.clamp(-limit, limit)


def drop_time(wav: Tensor, start: Tensor, length: Tensor) -> Tensor:
    """Silence `length` samples of each clip from sample `start` on."""
    place = torch.arange(wav.shape[1], device=wav.device)
    first = _column(start, wav)
    return wav.masked_fill((place >= first) & (place < first + _column(length, wav)), 0)


def shift_time(wav: Tensor, samples: Tensor) -> Tensor:
    """Shift each clip by `samples`, later or, if negative, earlier, with wrap-around."""
    place = torch.arange(wav.shape[1], device=wav.device) - _column(samples, wav).long()
    return wav.gather(1, place % wav.shape[1])


def fade(wav: Tensor, fade_in: Tensor, fade_out: Tensor, shape: Tensor) -> Tensor:
    """Fade each clip in from 0 over `fade_in` samples, and out to 0 over its last `fade_out`.

    `shape` is an integer below FADE_SHAPES: 0 linear, 1 logarithmic, 2 exponential, 3 a quarter of
    a sine, 4 half of a sine.
    """
    place = torch.arange(wav.shape[1], device=wav.device)
    chosen = _column(shape, wav).long()
    rise = (place / (_column(fade_in, wav) - 1).clamp_min(1)).clamp_max(1)
    fall = (place.flip(0) / (_column(fade_out, wav) - 1).clamp_min(1)).clamp_max(1)
    rise = rise.where(_column(fade_in, wav) > 0, 1.0)
    fall = fall.where(_column(fade_out, wav) > 0, 1.0)
    return wav * _fade_curve(rise, chosen) * _fade_curve(fall, chosen)


def _fade_curve(x: Tensor, shape: Tensor) -> Tensor:
    """Return the gain, 0..1, at the share x of a fade, in the shape of each row [B, 1]."""
    curves = [
        x,
        (0.1 + 0.9 * x).log10() + 1,
        x * 2 ** (x - 1),
        torch.sin(math.pi / 2 * x),
        (1 - torch.cos(math.pi * x)) / 2,
    ]
    rows = torch.arange(len(x), device=x.device)
    return torch.stack(curves)[shape[:, 0], rows]


# --- noise and rooms ----------------------------------------------------------------------------


def colored_noise(samples: int, slope: Tensor, rng: torch.Generator) -> Tensor:
    """Return noise [B, samples] of power 1, with power density 1 / frequency^slope.

    A slope of 0 gives white, 1 pink and 2 brown noise. Below 20 Hz, the density is constant.
    """
    spectrum = torch.fft.rfft(torch.randn(len(slope), samples, generator=rng))
    hz = torch.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ).clamp_min(LOWEST_NOISE_HZ)
    noise: Tensor = torch.fft.irfft(spectrum * hz ** (-slope.cpu()[:, None] / 2), samples)
    return noise / _power(noise).sqrt()


def other_clips(wav: Tensor, rng: torch.Generator) -> Tensor:
    """Return another clip of the batch for each clip; a single clip is returned itself."""
    return wav[sampling.others(len(wav), rng).to(wav.device)]


def add_noise(wav: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Add `noise` [B, samples] at the given level below each clip, in dB. Silent clips stay
    silent."""
    noise = noise.to(wav.device)
    wanted = _power(wav) * 10 ** (-_column(snr_db, wav) / 10)
    return wav + noise * (wanted / _power(noise).clamp_min(SILENCE)).sqrt()


def reverberate(
    wav: Tensor, decay_s: Tensor, rng: torch.Generator, direct_to_reverberant_db: float = 0.0
) -> Tensor:
    """Put each clip in a room: add its convolution with noise that decays exponentially.

    `decay_s` is the time in which the reverberation falls by 60 dB. The direct sound keeps its
    level and place; the impulse response behind it has the energy that
    `direct_to_reverberant_db` asks for.
    """
    samples = wav.shape[1]
    time_s = torch.arange(samples) / SAMPLE_RATE_HZ
    envelope = 10 ** (-3 * time_s / decay_s.cpu()[:, None])
    tail = (envelope * torch.randn(len(wav), samples, generator=rng)).to(wav.device)
    tail = tail / tail.norm(dim=1, keepdim=True) * 10 ** (-direct_to_reverberant_db / 20)
    size = 2 * samples
    product = torch.fft.rfft(wav, size) * torch.fft.rfft(tail, size)
    return wav + F.pad(torch.fft.irfft(product, size), (1, 0))[:, :samples]


def reject_band(wav: Tensor, low_hz: Tensor, high_hz: Tensor) -> Tensor:
    """Remove a band between two frequencies from each clip."""
    hz = torch.fft.rfftfreq(wav.shape[1], 1 / SAMPLE_RATE_HZ, device=wav.device)
    within = (hz >= _column(low_hz, wav)) & (hz <= _column(high_hz, wav))
    kept: Tensor = torch.fft.irfft(torch.fft.rfft(wav).masked_fill(within, 0), wav.shape[1])
    return kept


# --- speed and pitch ----------------------------------------------------------------------------


def change_speed(wav: Tensor, factor: Tensor) -> Tensor:
    """Play each clip `factor` times as fast, which raises its pitch too.

    A clip that gets shorter is followed by silence, and one that gets longer loses its end.
    """
    return _of_length(_resampled(wav, factor), wav.shape[1])


def stretch_time(wav: Tensor, factor: Tensor) -> Tensor:
    """Play each clip `factor` times as fast without changing its pitch, by a phase vocoder.

    Lengths change as in `change_speed`. Magnitudes are interpolated, and phases advance as they do
    from one frame to the next (Flanagan, Golden 1966). Tones keep their level; noise loses up to
    3 dB, also at a factor of 1, since the phases of neighboring bins are aligned.
    """
    return _vocoded(wav, factor, wav.shape[1])


def shift_pitch(wav: Tensor, cents: Tensor) -> Tensor:
    """Raise the pitch of each clip by `cents`, 1200 to an octave, without changing its speed."""
    factor = 2 ** (cents / 1200)
    return _vocoded(_resampled(wav, factor), 1 / factor, wav.shape[1])


def _resampled(wav: Tensor, factor: Tensor) -> Tensor:
    """Return each clip with 1 / `factor` times as many samples, and zeros behind the shorter ones.

    The spectrum is cut or continued with zeros, so that nothing is aliased.
    """
    padded = F.pad(wav, (0, FFT_SIZE))  # or the end would leak into the beginning
    size = padded.shape[1]
    sizes = [max(1, round(size / f)) for f in factor.tolist()]
    pairs = zip(torch.fft.rfft(padded), sizes, strict=True)
    return pad_sequence([torch.fft.irfft(s, n) * (n / size) for s, n in pairs], batch_first=True)


def _vocoded(wav: Tensor, factor: Tensor, samples: int) -> Tensor:
    """Return `samples` samples of each clip, played `factor` times as fast at its own pitch."""
    window = torch.hann_window(FFT_SIZE, dtype=wav.dtype, device=wav.device)
    frames = samples // HOP + 4
    place = torch.arange(frames, device=wav.device) * _column(factor, wav)
    last = math.ceil(place.max().item()) + 2
    wav = _of_length(wav, max(wav.shape[1], last * HOP))
    spectra = torch.stft(
        wav, FFT_SIZE, HOP, window=window, pad_mode="constant", return_complex=True
    )
    before = _frames_at(spectra, place.long())
    after = _frames_at(spectra, place.long() + 1)
    share = (place - place.floor())[:, None, :]
    stretched = _with_phases(torch.lerp(before.abs(), after.abs(), share), before, after)
    return torch.istft(stretched, FFT_SIZE, HOP, window=window, length=samples)


def _with_phases(magnitude: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Give `magnitude` [B, bins, frames] phases that turn from each frame to the next as the input
    does from `before` to `after`.

    A bin follows the sum of itself and its neighbors, so that the bins of one tone stay together
    (Puckette 1995, "Phase-locked vocoder"). After silence, phases begin as in the input.
    """
    turns, begun = after * before.conj(), _unit(after, torch.ones_like(after))
    phase = _unit(before[:, :, 0], torch.ones_like(before[:, :, 0]))
    frames = []
    for frame in range(magnitude.shape[2]):
        current = magnitude[:, :, frame] * phase
        frames.append(current)
        edges = F.pad(current, (1, 1))
        together = current - edges[:, :-2] - edges[:, 2:]  # neighbors have opposite phases
        phase = _unit(together * turns[:, :, frame], begun[:, :, frame])
    return torch.stack(frames, dim=2)


def _unit(values: Tensor, otherwise: Tensor) -> Tensor:
    """Return complex values with magnitude 1, and `otherwise` where there is nothing."""
    size = values.abs()
    return torch.where(size > SILENCE, values / size.clamp_min(SILENCE), otherwise)


def _frames_at(spectra: Tensor, place: Tensor) -> Tensor:
    return spectra.gather(2, place[:, None, :].expand(-1, spectra.shape[1], -1))


# --- shared -------------------------------------------------------------------------------------


def _column(values: Tensor, wav: Tensor) -> Tensor:
    """Return one value for each clip, [B, 1], on the device of the clips."""
    return values.to(wav.device)[:, None]


def _power(wav: Tensor) -> Tensor:
    return wav.square().mean(dim=1, keepdim=True)


def _of_length(wav: Tensor, samples: int) -> Tensor:
    """Cut the end of the clips, or append zeros."""
    return F.pad(wav, (0, samples - wav.shape[1]))
