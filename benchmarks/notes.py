"""Notes of instruments, rendered with FluidSynth from the sound font FluidR3 GM."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

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
NOTE_MS = 1_500  # what is kept of a note
HELD_MS = 1_100  # the time from key down to key up
EVERY_MS = 4_000  # from one note to the next, by when it has faded
LATE_SAMPLES = 64  # FluidSynth starts a note in the buffer after its event
SETTINGS = ("-niq", "-g", "0.8", "-r", "16000", "-R", "0", "-C", "0")  # no reverb, no chorus


def render(rows: Sequence[Mapping[str, str]]) -> list[audio.Waveform]:
    """Return a waveform `[24000]` for each row: `instrument`, `midi_pitch` and `velocity`.

    Raises `UserError` if FluidSynth or the sound font is missing.
    """
    program = shutil.which("fluidsynth")
    font = Path(os.environ.get("SOUND_FONT", FONT))
    if program is None or not font.is_file():
        raise UserError(f"fluidsynth or {font} not found")
    with tempfile.TemporaryDirectory() as folder:
        midi, sound = Path(folder, "notes.mid"), Path(folder, "notes.wav")
        midi.write_bytes(midi_file(rows))
        command = [program, *SETTINGS, "-F", str(sound), str(font), str(midi)]
        subprocess.run(command, check=True, capture_output=True)
        stereo, _ = soundfile.read(sound, dtype="float32")
    samples = audio.SAMPLE_RATE_HZ // 1_000
    mono = np.pad(stereo.mean(axis=1), (0, NOTE_MS * samples))
    begins = (index * EVERY_MS * samples + LATE_SAMPLES for index in range(len(rows)))
    return [mono[begin : begin + NOTE_MS * samples] for begin in begins]


def midi_file(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Return a MIDI file that plays one note after the other, with a tick of 1 ms."""
    events, pause_ms = b"", 0
    for row in rows:
        pitch, velocity = int(row["midi_pitch"]), int(row["velocity"])
        events += _after(pause_ms) + bytes([0xC0, PROGRAMS[row["instrument"]]])
        events += _after(0) + bytes([0x90, pitch, velocity])
        events += _after(HELD_MS) + bytes([0x80, pitch, 0])
        pause_ms = EVERY_MS - HELD_MS
    tempo = _after(0) + bytes([0xFF, 0x51, 3]) + (500_000).to_bytes(3, "big")
    track = tempo + events + _after(pause_ms) + bytes([0xFF, 0x2F, 0])
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, 500)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def _after(ticks: int) -> bytes:
    """Return a number of ticks as MIDI writes it: seven bits a byte, the highest first."""
    digits = [ticks & 0x7F]
    while ticks := ticks >> 7:
        digits.append(ticks & 0x7F | 0x80)
    return bytes(reversed(digits))
