"""Files as they are found become 16 kHz mono FLAC, without duplicates and near-silence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soundfile

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import explained

THROUGH_FFMPEG = {".g722", ".gsm", ".wv"}  # libsndfile reads neither of them
SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff"} | THROUGH_FFMPEG
SHORTEST_S = 0.1
PADDING_NOISE_DB = (-80, -66)
QUIETEST_PEAK = 1e-3  # -60 dB of full scale


def content_of(waveform: audio.Waveform) -> str:
    """Return a hash of the 16-bit samples, the same for one recording in any lossless format.

    Digital silence before and after the sound does not count.
    """
    return hashlib.sha256(np.trim_zeros(audio.to_int16(waveform)).tobytes()).hexdigest()


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files below a folder, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def read(path: Path) -> audio.Waveform:
    """Return a file as mono float32 at 16 kHz. Raises `UserError` with the reason if it cannot."""
    if path.suffix.lower() not in THROUGH_FFMPEG:
        return audio.read(path)
    av = require("av", "corpus")
    try:
        with av.open(str(path)) as container:
            resampler = av.AudioResampler("flt", "mono", audio.SAMPLE_RATE_HZ)
            frames = [*container.decode(audio=0), None]  # None: what the resampler still holds
            blocks = [block.to_ndarray()[0] for f in frames for block in resampler.resample(f)]
    except (av.FFmpegError, IndexError) as error:
        raise UserError(f"{path}: {error}") from error
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def reason_to_leave_out(waveform: audio.Waveform) -> str | None:
    """Return why a sound is of no use for training, or None."""
    if len(waveform) < SHORTEST_S * audio.SAMPLE_RATE_HZ:
        return "shorter than 0.1 s"
    if not np.isfinite(waveform).all():
        return "holds NaN or infinity"
    return "nearly silent" if np.abs(waveform).max() < QUIETEST_PEAK else None


def padded(waveform: audio.Waveform, seed: int) -> audio.Waveform:
    """Return a waveform of at least one window: a shorter one lies at a random place in silence.

    Half of those have noise of -80 to -66 dB of full scale around them, since exact zeros are
    rare in recordings.
    """
    missing = audio.WINDOW_SAMPLES - len(waveform)
    if missing <= 0:
        return waveform
    generator = np.random.default_rng(seed)
    before = int(generator.integers(0, missing + 1))
    placed = np.pad(waveform, (before, missing - before))
    if generator.random() < 0.5:
        level = 10 ** (generator.uniform(*PADDING_NOISE_DB) / 20)
        placed += level * generator.standard_normal(len(placed), np.float32)
    return placed.astype(np.float32)


def write(target: Path, waveform: audio.Waveform) -> None:
    """Write a waveform as 16-bit FLAC, lowered where it exceeds full scale.

    The file appears whole or not at all if the process is killed. It is not synced to the disk,
    which takes most of the time for small files: `verify` finds what a power cut has damaged.
    """
    peak = max(1.0, float(np.abs(waveform).max()))
    work = target.with_suffix(".part")
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(work, waveform / peak, audio.SAMPLE_RATE_HZ, "PCM_16", format="FLAC")
        work.replace(target)
