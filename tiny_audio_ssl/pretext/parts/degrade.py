"""Degradations of waveforms with a strength from 0 to 1, for learning and evaluating distances.

All take waveforms [n, samples], strengths [n], from 0 (nearly no change) to 1 (a strong one), and a
generator on the CPU for all other randomness. They return the same shape.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tiny_audio_ssl.pretext.parts import distort
from tiny_audio_ssl.pretext.parts.augment import uniform

Degradation = Callable[[Tensor, Tensor, torch.Generator], Tensor]

LOWEST_HZ, HIGHEST_HZ = 100.0, 1000.0  # where a lost band begins


def _noise(wav: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Add noise, from white to brown, at 50 to 0 dB below the clip."""
    colored = distort.colored_noise(wav.shape[1], uniform(0, 2, len(wav), rng), rng)
    return distort.add_noise(wav, colored, 50 * (1 - strength))


def _reverberation(wav: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Add a room whose sound falls by 60 dB in 0.1 to 0.8 s, and -30 to +6 dB as loud."""
    decay_s = uniform(0.1, 0.8, len(wav), rng)
    wet = distort.reverberate(wav, decay_s, rng) - wav
    return wav + distort.change_gain(wet, 36 * strength - 30)


def _clipping(wav: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Clip up to half of the samples."""
    return distort.clip_peaks(wav, 1 - 0.5 * strength.square())


def _band_loss(wav: Tensor, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Remove a band of up to three octaves."""
    octaves = torch.rand(len(wav), generator=rng).to(strength.device)
    low_hz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** octaves
    return distort.reject_band(wav, low_hz, low_hz * 2 ** (3 * strength))


DEGRADATIONS: dict[str, Degradation] = {
    "noise": _noise,
    "reverberation": _reverberation,
    "clipping": _clipping,
    "band-loss": _band_loss,
}


def degrade(
    wav: Tensor, names: tuple[str, ...], kind: Tensor, strength: Tensor, seed: int
) -> Tensor:
    """Degrade each clip by one degradation: `kind` [n] holds its places in `names`.

    With the same `kind`, `strength` and `seed`, other clips get the same noise and the same room.
    """
    for number, name in enumerate(names):
        rows = (kind == number).nonzero().squeeze(1)
        if len(rows):
            rng = torch.Generator().manual_seed(seed + number)
            place = rows.to(wav.device)
            changed = DEGRADATIONS[name](wav[place], strength[rows].to(wav.device), rng)
            wav = wav.index_copy(0, place, changed)
    return wav
