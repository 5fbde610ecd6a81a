"""A vocal tract: nine numbers -> the sound of a vowel or a whisper, without any recursion in time.

Six numbers shape a tube of 22 sections, from the glottis to the lips; at each frequency the tube is
a product of 2 x 2 matrices (Sondhi, Schroeter 1987: a chain of lossy cylinders). Three describe the
source: pitch, tilt of the spectrum, and how much of it is voiced. Lengths are in cm.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ

PARAMETERS: Final = {  # with the range of each
    "length_cm": (12.0, 18.5),
    "tongue_place": (0.35, 0.85),  # of the length, from the glottis
    "tongue_height": (-1.0, 1.0),
    "jaw_opening": (-1.0, 1.0),
    "lip_area_cm2": (0.3, 5.0),
    "lip_length_cm": (0.3, 2.0),
    "f0_hz": (70.0, 400.0),
    "tilt_db_per_octave": (-18.0, -6.0),
    "voicing": (0.0, 1.0),
}
SECTIONS: Final = 22
SOUND_CM_PER_S: Final = 35_000.0
GRID: Final = 257  # frequencies at which the tube is computed, 0 to 8 kHz
FFT_SIZE: Final = 4096
BEFORE: Final = 1024  # samples of sound before those that are returned
NEUTRAL_CM2: Final = 3.0
TONGUE_WIDTH: Final = 0.22  # of the length
_LOGARITHMIC = ("f0_hz", "lip_area_cm2")


def physical(standardized: Tensor) -> dict[str, Tensor]:
    """Return each parameter in its unit, [n], for numbers in -1..1, [n, 9]."""
    values = {}
    for (name, (low, high)), column in zip(PARAMETERS.items(), standardized.T, strict=True):
        share = (column.clamp(-1, 1) + 1) / 2
        if name in _LOGARITHMIC:
            values[name] = low * (high / low) ** share
        else:
            values[name] = low + (high - low) * share
    return values


def tube(values: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return length in cm and area in cm2 of each section, from the glottis to the lips: [n, 22].

    The tongue narrows the tube around its place, or widens it; the jaw opens its front half. The
    last two sections are the lips.
    """
    place = torch.linspace(0, 1, SECTIONS - 2, device=values["length_cm"].device)
    distance = (place - values["tongue_place"][:, None]) / TONGUE_WIDTH
    tongue = -2.0 * values["tongue_height"][:, None] * torch.exp(-distance.square())
    jaw = 1.3 * values["jaw_opening"][:, None] * (2 * place - 1).clamp_min(0)
    areas = NEUTRAL_CM2 * torch.exp(tongue + jaw)
    lips = values["lip_area_cm2"][:, None].expand(-1, 2)
    body = (values["length_cm"][:, None] / (SECTIONS - 2)).expand(-1, SECTIONS - 2)
    lip_lengths = (values["lip_length_cm"][:, None] / 2).expand(-1, 2)
    return torch.cat([body, lip_lengths], dim=1), torch.cat([areas, lips], dim=1)


def transfer(lengths: Tensor, areas: Tensor, hz: Tensor, radiates: bool = True) -> Tensor:
    """Return the flow at the lips over that at the glottis: complex [n, frequencies].

    `hz` [frequencies]. With `radiates`, the lips end in the impedance of a piston in a sphere,
    (k a)^2 / 4 + 0.6 j k a; otherwise they are open, as in a textbook's tube.
    """
    wave_number = 2 * math.pi * hz / SOUND_CM_PER_S  # [frequencies]
    loss = 0.004 * (hz / 500).sqrt() / (areas[:, :, None] / NEUTRAL_CM2).sqrt()
    turned = torch.complex(loss, wave_number.expand_as(loss)) * lengths[:, :, None]
    cosh, sinh = turned.cosh(), turned.sinh()
    # Impedances are in units of rho c; the chain's second row is all that the ratio of flows needs.
    lower, corner = torch.zeros_like(cosh[:, 0]), torch.ones_like(cosh[:, 0])
    for section in range(areas.shape[1]):
        c, s, area = cosh[:, section], sinh[:, section], areas[:, section, None]
        lower, corner = lower * c + corner * s * area, lower * s / area + corner * c
    if not radiates:
        return 1 / corner
    radius = wave_number * (areas[:, -1:] / math.pi).sqrt()  # k a
    impedance = torch.complex(radius.square() / 4, 0.6 * radius) / areas[:, -1:]
    return 1 / (lower * impedance + corner)


def synthesize(standardized: Tensor, noise: Tensor, samples: int) -> Tensor:
    """Return the steady sound of a vocal tract, [n, samples], of power 1.

    Args:
        standardized: the parameters, in -1..1, [n, 9]; others are clamped.
        noise: white noise of power 1 for what is not voiced, [n, FFT_SIZE].

    The response has no phase. Pulses and filter are exact at each frequency of the transform, so
    that the pitch need not be a whole number of samples.
    """
    values = physical(standardized)
    grid = torch.linspace(0, SAMPLE_RATE_HZ / 2, GRID, device=standardized.device)
    response = transfer(*tube(values), grid).abs().clamp_min(1e-6).log()
    hz = torch.linspace(0, SAMPLE_RATE_HZ / 2, FFT_SIZE // 2 + 1, device=standardized.device)
    octaves = (hz.clamp_min(50) / 100).log2()
    tilt = (values["tilt_db_per_octave"][:, None] + 6) * octaves * math.log(10) / 20
    filters = torch.exp(_at_all(response) + tilt) * (hz > 40)  # + 6 dB an octave by the radiation
    voiced = _of_power_1(_pulses(values["f0_hz"], hz))
    hiss = _of_power_1(torch.fft.rfft(noise))
    share = values["voicing"][:, None]
    mixed = share.sqrt() * voiced + (1 - share).sqrt() * hiss
    sound: Tensor = torch.fft.irfft(mixed * filters, FFT_SIZE)[:, BEFORE : BEFORE + samples]
    return sound / sound.square().mean(dim=1, keepdim=True).sqrt().clamp_min(1e-6)


def _pulses(f0_hz: Tensor, hz: Tensor) -> Tensor:
    """Return the spectrum of pulses at 0, 1 / f0, 2 / f0, ... within FFT_SIZE samples, [n, bins].

    A geometric series: (1 - q^P) / (1 - q) of P pulses, with q = exp(-2 pi j f / f0).
    """
    count = (FFT_SIZE / SAMPLE_RATE_HZ * f0_hz).floor()[:, None]
    turns = (hz / f0_hz[:, None]).double()
    ratio = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
    last = torch.polar(torch.ones_like(turns), -2 * math.pi * turns * count)
    close = (1 - ratio).abs() < 1e-9
    series = torch.where(close, count.to(ratio.dtype), (1 - last) / (1 - ratio + close))
    return series.to(torch.complex64)


def _of_power_1(spectrum: Tensor) -> Tensor:
    return spectrum / spectrum.abs().square().mean(dim=1, keepdim=True).sqrt()


def _at_all(response: Tensor) -> Tensor:
    """Interpolate a response [n, GRID] at the frequencies of the transform."""
    size = FFT_SIZE // 2 + 1
    found: Tensor = torch.nn.functional.interpolate(
        response[:, None], size=size, mode="linear", align_corners=True
    )
    return found[:, 0]
