"""Notes of instruments, rendered with TinySoundFont from the sound font FluidR3 GM."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.errors import UserError

PROGRAMS = {  # General MIDI, counted from 0
    "piano": 0, "harpsichord": 6, "celesta": 8, "vibraphone": 11, "marimba": 12, "pipe_organ": 19,
    "accordion": 21, "nylon_guitar": 24, "steel_guitar": 25, "acoustic_bass": 32,
    "finger_bass": 33, "violin": 40, "cello": 42, "string_ensemble": 48, "choir_aahs": 52,
    "trumpet": 56, "trombone": 57, "french_horn": 60, "alto_sax": 65, "oboe": 68, "clarinet": 71,
    "flute": 73, "recorder": 74, "pan_flute": 75,
}  # fmt: skip
FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
GAIN_DB = -6.0
HELD_MS = 1_100  # the time from key down to key up
RELEASED_MS = 400  # what is kept after it
FADED_MS = 5_000  # what is discarded, by when the note has faded


def render(rows: Sequence[Mapping[str, str]]) -> list[audio.Waveform]:
    """Return a waveform `[24000]` for each row: `instrument`, `midi_pitch` and `velocity`.

    Raises `UserError` if TinySoundFont or the sound font is missing.
    """
    font = Path(os.environ.get("SOUND_FONT", FONT))
    if not font.is_file():
        raise UserError(f"{font} not found")
    try:
        tinysoundfont = importlib.import_module("tinysoundfont")
    except ImportError as error:
        raise UserError(f"tinysoundfont can't be imported ({error})") from error
    synth = tinysoundfont.Synth(samplerate=audio.SAMPLE_RATE_HZ, gain=GAIN_DB)
    number = synth.sfload(str(font))
    return [_note(synth, number, row) for row in rows]


def _note(synth: Any, font: int, row: Mapping[str, str]) -> audio.Waveform:
    pitch = int(row["midi_pitch"])
    synth.program_select(0, font, 0, PROGRAMS[row["instrument"]])
    synth.noteon(0, pitch, int(row["velocity"]))
    held = _mono(synth, HELD_MS)
    synth.noteoff(0, pitch)
    note = np.concatenate([held, _mono(synth, RELEASED_MS)])
    _mono(synth, FADED_MS)
    return note


def _mono(synth: Any, duration_ms: int) -> audio.Waveform:
    """Return the mean of both channels for the next `duration_ms`."""
    content = bytes(synth.generate(duration_ms * audio.SAMPLE_RATE_HZ // 1_000))
    stereo = np.frombuffer(content, np.float32).reshape(-1, 2)
    return np.asarray(stereo.mean(axis=1))
