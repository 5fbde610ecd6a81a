"""Sounds inside the page: MP3, which every browser plays, in base64, below a limit of size."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

import numpy as np
import soundfile

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.data.cache import Recordings

KILOBITS_PER_S = 24
MP3_QUALITY = 0.9  # libsndfile's compression level for that rate at 16 kHz mono
SEARCHED_S = 60.0  # the loudest part is searched in the first minute of a recording
SHORTEST_S = 1.0  # sounds are left out rather than cut shorter
FRAMES_BYTES = 600  # overhead of an MP3: a header frame, and padding of the last frame
BASE64 = 4 / 3  # characters per byte


@dataclass
class Sounds:
    """The sounds of a page. A recording that several tasks share is stored once."""

    seconds: float  # maximum length of each sound
    limit_bytes: int  # maximum size of all sounds in the page
    allowed: float = 1.0  # share of the limit that may be used so far
    encoded: list[str] = field(default_factory=list)
    cut: int = 0  # sounds that are only the loudest part of their recording
    left_out: int = 0  # sounds left out to stay below the limit
    _known: dict[str, int | None] = field(default_factory=dict)

    @classmethod
    def for_clips(cls, clips: int, seconds: float, limit_mb: float) -> Sounds:
        """Choose a length, at least a second, for which all clips fit."""
        bytes_each = limit_mb * 1e6 / BASE64 / max(1, clips)
        fit_s = (bytes_each - FRAMES_BYTES) / (KILOBITS_PER_S * 1000 / 8)
        return cls(min(seconds, max(SHORTEST_S, fit_s)), round(limit_mb * 1e6))

    @property
    def bytes(self) -> int:
        """Size of all sounds in the page."""
        return sum(map(len, self.encoded))

    def add(self, content: str, recordings: Recordings, index: int) -> int | None:
        """Return the index of a recording in `encoded`, or None if it does not fit.

        `content` is the hash of its samples.
        """
        if content not in self._known:
            self._known[content] = self._encode(recordings, index)
        return self._known[content]

    def _encode(self, recordings: Recordings, index: int) -> int | None:
        samples = int(recordings.samples[index])
        wave = recordings.read(index, 0, min(samples, round(SEARCHED_S * SAMPLE_RATE_HZ)))
        part = loudest(wave, round(self.seconds * SAMPLE_RATE_HZ))
        text = mp3_text(part)
        if self.bytes + len(text) > self.allowed * self.limit_bytes:
            self.left_out += 1
            return None
        self.cut += len(part) < samples
        self.encoded.append(text)
        return len(self.encoded) - 1


def loudest(wave: Waveform, samples: int) -> Waveform:
    """Return the `samples` consecutive samples with the most energy; all of a shorter waveform."""
    if len(wave) <= samples:
        return wave
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return wave[start : start + samples]


def mp3_text(wave: Waveform) -> str:
    """Encode float32 [samples] as MP3 in base64."""
    return base64.b64encode(mp3(wave)).decode()


def mp3(wave: Waveform) -> bytes:
    """Encode float32 [samples], -1..1, 16 kHz, as MP3 of 24 kbit/s."""
    file = io.BytesIO()
    soundfile.write(
        file,
        wave,
        SAMPLE_RATE_HZ,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=MP3_QUALITY,
    )
    return file.getvalue()
