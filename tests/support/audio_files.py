"""Audio files for tests, made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

FORMATS = {
    "u8.wav": ("WAV", "PCM_U8"),
    "s16.wav": ("WAV", "PCM_16"),
    "s24.wav": ("WAV", "PCM_24"),
    "float.wav": ("WAV", "FLOAT"),
    "rf64.wav": ("RF64", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
}


def tone(seconds: float, rate_hz: int = 16_000, pitch_hz: float = 440.0) -> np.ndarray:
    """A sine at half of full scale, `[samples]`."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * pitch_hz * time_s)


def noise(seconds: float, rate_hz: int = 16_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * rate_hz))


def write(path: Path, wave: np.ndarray, rate_hz: int = 16_000, kind: str | None = None) -> Path:
    """`kind` is a key of FORMATS; the path's ending if None."""
    container, subtype = FORMATS[kind or {".wav": "s16.wav"}.get(path.suffix, path.suffix[1:])]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate_hz, format=container, subtype=subtype)
    return path
