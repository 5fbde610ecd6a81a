"""Changes that sound meets on its way to an encoder: noise, rooms, levels, telephones, codecs.

Each takes samples at 16 kHz, -1..1, and a generator, and gives as many samples at 16 kHz. What
passes full scale is clipped, as a converter does.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

RATE_HZ = 16_000
NARROW_HZ = 8_000  # sample rate of telephones and of old recordings
REVERBERATION_S = 0.5  # until it is 60 dB weaker
TELEPHONE_HZ = (300, 3400)
MU = 255
# libsndfile takes the bit rate of Opus as a place between 256 kbit/s (0) and 6 kbit/s (1).
OPUS_LEVEL = (256 - 16) / (256 - 6)

Floats = NDArray[np.float32]
Change = Callable[[Floats, np.random.Generator], Floats]


def clean(wave: Floats, rng: np.random.Generator) -> Floats:
    """Return the sound as it is."""
    return wave


def noise(wave: Floats, rng: np.random.Generator, snr_db: float) -> Floats:
    """Add pink noise, as strong in each octave; the ratio is that of the whole sound."""
    spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    pink = np.fft.irfft(spectrum, len(wave))
    pink *= rms(wave) / max(rms(pink), 1e-12) * 10 ** (-snr_db / 20)
    return clipped(wave + pink)


def reverberation(wave: Floats, rng: np.random.Generator) -> Floats:
    """Add an exponentially decaying echo as strong as the direct sound; the level stays."""
    time = np.arange(round(REVERBERATION_S * RATE_HZ)) / RATE_HZ
    echo = rng.standard_normal(len(time)) * 10 ** (-3 * time / REVERBERATION_S)
    echo[0] = np.sqrt(np.square(echo[1:]).sum())
    wet = fftconvolve(wave, echo)[: len(wave)]
    return clipped(wet * rms(wave) / max(rms(wet), 1e-12))


def level(wave: Floats, rng: np.random.Generator, gain_db: float) -> Floats:
    """Amplify, and round to 16 bits as a recorder does."""
    return clipped(np.round(wave * 10 ** (gain_db / 20) * 32768) / 32768)


def telephone(wave: Floats, rng: np.random.Generator) -> Floats:
    """Keep 300 to 3,400 Hz, at 8 kHz, in 8 bits by the mu-law (ITU-T G.711)."""
    band = butter(4, TELEPHONE_HZ, "bandpass", fs=NARROW_HZ, output="sos")
    narrow = np.clip(sosfilt(band, soxr.resample(wave, RATE_HZ, NARROW_HZ)), -1, 1)
    code = np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU)
    code = np.round(code * 127) / 127
    decoded = np.sign(code) * np.expm1(np.abs(code) * np.log1p(MU)) / MU
    return as_long(soxr.resample(decoded, NARROW_HZ, RATE_HZ), len(wave))


def narrow_band(wave: Floats, rng: np.random.Generator) -> Floats:
    """Keep what a recording at 8 kHz has."""
    narrow = soxr.resample(wave, RATE_HZ, NARROW_HZ)
    return as_long(soxr.resample(narrow, NARROW_HZ, RATE_HZ), len(wave))


def opus(wave: Floats, rng: np.random.Generator) -> Floats:
    """Encode to Opus at 16 kbit/s, and decode."""
    file = io.BytesIO()
    soundfile.write(file, wave, RATE_HZ, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
    file.seek(0)
    return as_long(soundfile.read(file, dtype="float32")[0], len(wave))


CHANGES: dict[str, Change] = {
    "clean": clean,
    "noise, 20 dB SNR": partial(noise, snr_db=20),
    "noise, 10 dB SNR": partial(noise, snr_db=10),
    "noise, 0 dB SNR": partial(noise, snr_db=0),
    "reverberation": reverberation,
    "level -30 dB": partial(level, gain_db=-30),
    "level -20 dB": partial(level, gain_db=-20),
    "level -10 dB": partial(level, gain_db=-10),
    "level +10 dB": partial(level, gain_db=10),
    "telephone": telephone,
    "Opus, 16 kbit/s": opus,
    "8 kHz": narrow_band,
}


def rms(wave: NDArray[np.floating]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def clipped(wave: NDArray[np.floating]) -> Floats:
    """Return float32 within full scale."""
    return np.asarray(np.clip(wave, -1, 1), np.float32)


def as_long(wave: NDArray[np.floating], samples: int) -> Floats:
    """Cut, or pad with zeros, to that many samples: resamplers give one more or less."""
    return clipped(np.pad(wave[:samples], (0, max(0, samples - len(wave)))))
