"""How well pitch is tracked: on notes of instruments that are not trained on, and made glides.

A run of `spice`, of `instruments` without those of HELD_OUT and some of `free_speech` and
`free_sounds`, stands beside YIN (librosa) and CREPE's tiny model (torchcrepe). Each tracker gives
Hz, and but for YIN a confidence, at times of its own.
"""

from __future__ import annotations

import importlib
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from byproduct_settings import ByProducts
from enhancement_measures import Row, is_held_out, table, trained
from numpy.typing import NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.export.product_model import ProductModel, load_product
from tiny_audio_ssl.pretext.configs.spice import SpiceConfig
from tiny_audio_ssl.utils.files import read_rows

HOP = 256  # samples; that of the run's front-end
LOWEST_HZ, HIGHEST_HZ = 38.0, 1900.0  # that YIN and CREPE look for; notes are 41 to 1480 Hz
STEADY_S = (0.15, 0.6)  # of a note
GLIDES, GLIDE_S, GLIDE_SNR_DB = 100, 1.0, 20.0
NOISES = 60  # clips
SPEECH, SOUNDS = 900, 300  # recordings to train on beside the instruments
RIGHT_CENTS = 50.0
HELD_OUT = {  # one instrument of each family, for training runs to leave out
    "accordion", "acoustic_bass", "alto_sax", "celesta", "cello", "choir_aahs", "flute",
    "french_horn", "harpsichord", "nylon_guitar",
}  # fmt: skip

Floats = NDArray[np.float64]
Wave = NDArray[np.float32]
Track = tuple[Floats, Floats, Floats]  # times in s, Hz, confidence (NaN where there is none)
Tracker = Callable[[Wave], Track]


@dataclass(frozen=True)
class Pitched:
    """A sound whose pitch is known between two times."""

    wave: Wave
    hz_at: Callable[[Floats], Floats]
    span_s: tuple[float, float]


def of_pitch(wanted: ByProducts) -> Iterator[Row]:
    """Yield a row for each tracker and kind of sound."""
    run = trained(wanted, "spice", manifest(wanted), SpiceConfig())
    trackers: dict[str, Tracker] = {
        "YIN": yin,
        "CREPE tiny": crepe,
        "spice": of_product(load_product(run)),
    }
    sounds = {"notes": notes(wanted.data), "glides": glides()}
    noise = noises(wanted.data)
    for name, tracker in trackers.items():
        unvoiced = np.concatenate([tracker(wave)[2] for wave in noise])
        for kind, found in sounds.items():
            tracks = [tracker(sound.wave) for sound in found]
            cents, confidence = compared(found, tracks)
            yield {
                "system": name,
                "steps": wanted.steps if name == "spice" else "",
                "on": kind,
                "sounds": len(found),
                **accuracies(cents),
                "voicing_auc": area(confidence, unvoiced),
            }


def manifest(wanted: ByProducts) -> Path:
    """Write the table of recordings to train on."""
    folder = wanted.data / "instruments"
    files = [folder / row["filename"] for row in notes_of(folder, held_out=False)]
    speech, sounds = wanted.data / "free_speech", wanted.data / "free_sounds"
    words = table(speech)
    files += [speech / row["filename"] for row in words[:: max(1, len(words) // SPEECH)]]
    others = (sounds / row["filename"] for row in table(sounds) if not is_held_out(row))
    files += itertools.islice(others, SOUNDS)
    target = wanted.out / "pitches.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(["path", *(f'"{file.resolve()}"' for file in files)]) + "\n")
    return target


def compared(sounds: Sequence[Pitched], tracks: Sequence[Track]) -> tuple[Floats, Floats]:
    """Return errors in cents, and confidences, of all frames where the pitch is known."""
    errors, sure = [], []
    for sound, (times, hz, confidence) in zip(sounds, tracks, strict=True):
        known = (times >= sound.span_s[0]) & (times <= sound.span_s[1])
        errors.append(1200 * np.log2(hz[known] / sound.hz_at(times[known])))
        sure.append(confidence[known])
    return np.concatenate(errors), np.concatenate(sure)


def accuracies(cents: Floats) -> Row:
    """Return the shares of frames within 50 cents of the pitch, and of its octaves, and the median
    error."""
    chroma = (cents + 600) % 1200 - 600
    return {
        "raw_pitch_accuracy": round(float(np.mean(np.abs(cents) < RIGHT_CENTS)), 3),
        "raw_chroma_accuracy": round(float(np.mean(np.abs(chroma) < RIGHT_CENTS)), 3),
        "median_cents": round(float(np.median(np.abs(cents))), 1),
    }


def area(voiced: Floats, unvoiced: Floats) -> float | str:
    """Return the share of pairs of frames of which the voiced one has the greater confidence."""
    if np.isnan(voiced).any():
        return ""
    sorted_ones = np.sort(unvoiced)
    below, not_above = (np.searchsorted(sorted_ones, voiced, side) for side in ("left", "right"))
    return round(float((below + not_above).mean() / (2 * len(unvoiced))), 3)


# --- sounds -------------------------------------------------------------------------------------


def notes(data: Path) -> list[Pitched]:
    """Return the notes of the held-out instruments."""
    folder = data / "instruments"
    return [
        Pitched(audio.read(folder / row["filename"]), _constant(int(row["midi_pitch"])), STEADY_S)
        for row in notes_of(folder, held_out=True)
    ]


def notes_of(folder: Path, held_out: bool) -> list[Row]:
    """Read the rows of the notes to measure on, or to train on."""
    rows = read_rows(folder / "meta_fluidr3.csv")
    return [row for row in rows if (row["instrument"] in HELD_OUT) == held_out]


def _constant(midi: int) -> Callable[[Floats], Floats]:
    hz = 440 * 2 ** ((midi - 69) / 12)
    return lambda times: np.full_like(times, hz)


def glides() -> list[Pitched]:
    """Return synthetic tones whose pitch moves by up to an octave in a second, with pink noise."""
    rng = np.random.default_rng(0)
    return [glide(rng) for _ in range(GLIDES)]


def glide(rng: np.random.Generator) -> Pitched:
    start, octaves = math.log2(60) + rng.uniform(0, math.log2(10)), rng.uniform(-1, 1)

    def hz_at(times: Floats) -> Floats:
        found: Floats = 2 ** (start + octaves * times / GLIDE_S)
        return found

    times = np.arange(round(GLIDE_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * np.cumsum(hz_at(times)) / SAMPLE_RATE_HZ
    fall = rng.uniform(0.5, 1.5)
    wave = sum(
        k**-fall * np.sin(k * phase + rng.uniform(0, 2 * np.pi)) * (k * hz_at(times) < 7800)
        for k in range(1, 13)
    )
    spectrum = np.fft.rfft(rng.standard_normal(len(times)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(times))
    pink *= 10 ** (-GLIDE_SNR_DB / 20) * np.std(wave) / np.std(pink)
    mixed = 0.1 * (wave + pink) / np.std(wave)
    return Pitched(mixed.astype(np.float32), hz_at, (0.1, GLIDE_S - 0.1))


def noises(data: Path) -> list[Wave]:
    """Return the first second of environmental sounds, most of which have no pitch."""
    files = sorted((data / "esc50").rglob("*.flac"))
    chosen = files[:: max(1, len(files) // NOISES)][:NOISES]
    return [audio.read(file)[:SAMPLE_RATE_HZ] for file in chosen]


# --- trackers -----------------------------------------------------------------------------------


def of_product(product: ProductModel) -> Tracker:
    """Return the tracker of a run: a slice, whose middle counts, begins at every hop."""

    def track(wave: Wave) -> Track:
        found = product(wave)
        hz, confidence = (_floats(found[name]) for name in ("pitch_hz", "confidence"))
        slice_samples = len(wave) - HOP * (len(hz) - 1)
        return _middles(len(hz), slice_samples // HOP * HOP), hz, confidence

    return track


def yin(wave: Wave) -> Track:
    import librosa

    hz = librosa.yin(
        wave, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=SAMPLE_RATE_HZ, frame_length=2048,
        hop_length=HOP, center=False,
    )  # fmt: skip
    return _middles(len(hz), 2048), _floats(hz), np.full(len(hz), np.nan)


def crepe(wave: Wave) -> Track:
    torchcrepe = _torchcrepe()
    hz, confidence = torchcrepe.predict(
        torch.from_numpy(wave[None]), SAMPLE_RATE_HZ, HOP, LOWEST_HZ, HIGHEST_HZ, "tiny",
        decoder=torchcrepe.decode.weighted_argmax, return_periodicity=True, pad=False,
    )  # fmt: skip
    return _middles(hz.shape[1], 1024), _floats(hz[0]), _floats(confidence[0])


@cache
def _torchcrepe() -> Any:
    """Import torchcrepe, whose torchaudio has a compiled part that is not used here, and that can
    be loaded only beside a CUDA build of PyTorch."""
    extension: Any = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = lambda function: function
    sys.modules.setdefault("torchaudio._extension", extension)
    return importlib.import_module("torchcrepe")


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float64)


def _middles(count: int, samples: int) -> Floats:
    """Return the times in s of the middles of windows of `samples` samples, one at every hop."""
    return (np.arange(count) * HOP + samples / 2) / SAMPLE_RATE_HZ
