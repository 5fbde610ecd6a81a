"""Built-in sounds, synthesized: to try the toolkit out, not for results.

Eight classes with random pitch, rate, envelope and level over background noise. Real sounds are
far more varied: a score on these says nothing about the quality of an encoder.
"""

from __future__ import annotations

import csv
import itertools
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.utils.files import atomic_folder

Samples = npt.NDArray[np.float64]
Sound = Callable[[np.random.Generator, int], Samples]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _seconds(samples: int) -> Samples:
    seconds: Samples = np.arange(samples) / SAMPLE_RATE_HZ
    return seconds


def _oscillator(frequency_hz: Samples, rng: np.random.Generator, harmonics: int = 1) -> Samples:
    """Return harmonics of a moving pitch, each weaker than the one below."""
    phase = 2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ
    tilt = rng.uniform(0.5, 2)
    wave = np.zeros(len(phase))
    for k in range(1, harmonics + 1):
        wave += np.sin(k * phase + rng.uniform(0, 6)) / k**tilt
    return wave


def _noise(rng: np.random.Generator, samples: int, color: float) -> Samples:
    """Return noise, peak 1, with power that falls as frequency ** `color` (1: pink, 2: brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** (color / 2)
    noise: Samples = np.fft.irfft(spectrum, samples)
    noise /= np.abs(noise).max()
    return noise


def _repeat(rng: np.random.Generator, samples: int, rate_hz: float, event: Samples) -> Samples:
    """Repeat `event` with a little jitter in time and level."""
    out = np.zeros(samples + len(event))
    gap = SAMPLE_RATE_HZ / rate_hz
    at = rng.uniform(0, gap)
    while at < samples:
        out[int(at) : int(at) + len(event)] += event * rng.uniform(0.7, 1)
        at += gap * rng.uniform(0.85, 1.15)
    return out[:samples]


def tone(rng: np.random.Generator, samples: int) -> Samples:
    pitch_hz = np.full(samples, _log_uniform(rng, 120, 2500))
    return _oscillator(pitch_hz, rng, int(rng.integers(1, 6)))


def chirp(rng: np.random.Generator, samples: int) -> Samples:
    low_hz, high_hz = _log_uniform(rng, 120, 500), _log_uniform(rng, 900, 3500)
    sweep_hz = np.geomspace(low_hz, high_hz, samples)
    return _oscillator(sweep_hz[:: rng.choice([-1, 1])], rng, int(rng.integers(1, 4)))


def siren(rng: np.random.Generator, samples: int) -> Samples:
    swing = np.sin(2 * np.pi * rng.uniform(0.5, 6) * _seconds(samples) + rng.uniform(0, 6))
    pitch_hz = _log_uniform(rng, 250, 1500) * 2 ** (rng.uniform(0.1, 0.8) * swing)
    return _oscillator(pitch_hz, rng, int(rng.integers(1, 5)))


def hum(rng: np.random.Generator, samples: int) -> Samples:
    carrier = _oscillator(np.full(samples, _log_uniform(rng, 50, 300)), rng, 12)
    beat = np.sin(2 * np.pi * _log_uniform(rng, 2, 25) * _seconds(samples))
    return carrier * (1 + rng.uniform(0.4, 1) * beat)


def pluck(rng: np.random.Generator, samples: int) -> Samples:
    """Karplus-Strong: noise in a loop that is smoothed on each pass."""
    period = int(SAMPLE_RATE_HZ / _log_uniform(rng, 80, 800))
    rounds = np.empty((SAMPLE_RATE_HZ // period, period))
    rounds[0] = rng.uniform(-1, 1, period)
    for previous, current in itertools.pairwise(rounds):
        current[:] = 0.498 * (previous + np.roll(previous, 1))
    return _repeat(rng, samples, _log_uniform(rng, 0.6, 4), rounds.ravel())


def clicks(rng: np.random.Generator, samples: int) -> Samples:
    length = int(rng.integers(20, 200))
    click = rng.standard_normal(length) * np.exp(-5 * np.arange(length) / length)
    return _repeat(rng, samples, _log_uniform(rng, 2, 20), click)


def bursts(rng: np.random.Generator, samples: int) -> Samples:
    length = int(_log_uniform(rng, 0.1, 0.6) * SAMPLE_RATE_HZ)
    burst = _noise(rng, length, rng.uniform(0, 1.5)) * np.hanning(length) ** rng.uniform(0.3, 2)
    return _repeat(rng, samples, _log_uniform(rng, 0.8, 3), burst)


def trill(rng: np.random.Generator, samples: int) -> Samples:
    """A bird's phrase: quick notes that glide up or down, repeated."""
    length = int(_log_uniform(rng, 0.03, 0.12) * SAMPLE_RATE_HZ)
    glide_hz = _log_uniform(rng, 1500, 4500) * np.geomspace(1, rng.uniform(0.6, 1.6), length)
    note = _oscillator(glide_hz, rng) * np.hanning(length)
    song = _repeat(rng, samples, rng.uniform(5, 16), note)
    return song * (np.sin(2 * np.pi * rng.uniform(0.3, 1.2) * _seconds(samples)) > -0.3)


SOUNDS: dict[str, Sound] = {
    sound.__name__: sound for sound in (bursts, chirp, clicks, hum, pluck, siren, tone, trill)
}


def make(label: str, seed: int) -> Waveform:
    """Make one sound of class `label` (a key of `SOUNDS`), float32 `[2 to 4 s]`, 16 kHz, -1..1.

    Sounds of the same seed share their background noise, as if recorded in one session.
    """
    session = np.random.default_rng([seed, 0])
    color, background = session.uniform(0, 2), session.uniform(0.02, 0.3)
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    samples = int(rng.integers(200, 400)) * SAMPLE_RATE_HZ // 100  # a length that suits the FFT
    wave = SOUNDS[label](rng, samples)
    fade = np.minimum(1, _seconds(samples) / rng.uniform(0.01, 0.5))
    wave = wave / np.abs(wave).max() * fade * fade[::-1]
    mixed = wave + background * _noise(rng, samples, color)
    level = _log_uniform(rng, 0.05, 0.9)
    return np.asarray(level * mixed / np.abs(mixed).max(), np.float32)


def write(folder: Path, per_class: int, seed: int = 0) -> Path:
    """Write WAV files and a `manifest.csv` (path, label, group) to `folder`; return the manifest.

    A group is a recording session; split by it. The folder appears whole or not at all. If it
    exists already, it is left as it is.
    """
    manifest = folder / "manifest.csv"
    if manifest.is_file():
        return manifest
    with atomic_folder(folder) as work:
        rows = [("path", "label", "group")]
        for take in range(per_class):
            for label in SOUNDS:
                name = f"{label}-{take:03d}.wav"
                soundfile.write(work / name, make(label, seed + take), SAMPLE_RATE_HZ)
                rows.append((name, label, f"take-{take:03d}"))
        with (work / manifest.name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return manifest
