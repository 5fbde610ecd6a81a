"""Make speech whose phones are known, by a formant synthesizer: recordings, words, phones.

pip install espeakng-loader==0.2.4
python benchmarks/made_speech.py --out runs/speech/made

The same seed makes the same speech. Voices differ by variant, pitch and rate. Made speech shows
that a measure works and what an encoder does in principle; it proves nothing about people. eSpeak
NG is under the GPL, version 3; the package never imports it.
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import tyro
from numpy.typing import NDArray

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, resample
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.speech.items import Item, write_items
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import write_rows

SILENCE = "SIL"
STRESS = "',%="  # marks before a phone
VARIANTS = ("m1", "f1", "m3", "f2", "m5", "f3", "m7", "f4", "m2", "f5", "m4", "m6")
WORDS = """
bed bad bid bead bud bit bat bet boat beat but cat cut cot kit coat kite pat pet pit pot put
peat pout sit set sat seat sought hat hit hot hut heat heart head had hid hide hood light late
let lit lot loot right rate rat write road rod red rid ride read sip zip ship chip tip dip lip
tin ten tan tone town ton pin pen pan pain pine den din dine down done fan fin fine phone van
vine man men mine moon lamp camp damp stop step kitchen window garden morning water paper happy
turn open close play music house mouse mouth south north yellow little table apple people
"""
"""Words to speak; many differ in one phone only, so that it can be compared in one context."""

LIBRARY_EVENTS = {"end": 0, "word": 1, "phone": 7}  # espeak_EVENT_TYPE
RATE, PITCH = 1, 3  # espeak_PARAMETER
SYNCHRONOUS, PHONEME_EVENTS = 2, 1  # espeak_AUDIO_OUTPUT; option of espeak_Initialize


class _Name(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Voice:
    """A speaker: a variant of the voice, its pitch (0 to 99) and its rate in words a minute."""

    variant: str
    pitch: int
    rate: int

    @property
    def name(self) -> str:
        return f"{self.variant}-{self.pitch}-{self.rate}"


@dataclass(frozen=True)
class Spoken:
    """A sentence: samples in -1..1 at 16 kHz; words and phones with their seconds."""

    wave: NDArray[np.float32]
    words: list[tuple[str, float, float]]
    phones: list[tuple[str, float, float]]  # silence is SIL


class Synthesizer:
    """eSpeak NG, speaking American English."""

    def __init__(self) -> None:
        loader = require("espeakng_loader", "speech-lab")
        self._data = Path(loader.get_data_path())
        # The library's noise goes on where it was, so each synthesizer loads a copy of its own.
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copy(loader.get_library_path(), folder)
            self._library = ctypes.CDLL(str(copy))
        where = str(self._data).encode()
        self._rate_hz = self._library.espeak_Initialize(SYNCHRONOUS, 0, where, PHONEME_EVENTS)
        if self._rate_hz <= 0:
            raise UserError(f"eSpeak NG can't read its data in {self._data}; install it again")
        self._events: list[tuple[str, int, int, str]] = []
        self._samples: list[NDArray[np.int16]] = []
        self._callback = _Callback(self._receive)  # kept: the library holds a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, words: Sequence[str], voice: Voice) -> Spoken:
        """Return the words, spoken as one sentence.

        The same sentence differs a little from call to call, as the library's noise does. Raises
        `UserError` if there is no such variant.
        """
        if not (self._data / "voices" / "!v" / voice.variant).is_file():
            raise UserError(f"voice en-us+{voice.variant}: eSpeak NG has none of that name")
        self._library.espeak_SetVoiceByName(f"en-us+{voice.variant}".encode())
        self._library.espeak_SetParameter(PITCH, voice.pitch, 0)
        self._library.espeak_SetParameter(RATE, voice.rate, 0)
        self._events, self._samples = [], []
        text = f"{' '.join(words)}.".encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 0, 0, 1, None, None)
        wave = np.concatenate(self._samples).astype(np.float32) / np.float32(32768)
        end = len(wave)
        phones = [(name, sample) for kind, sample, _, name in self._events if kind == "phone"]
        starts = [
            (text[place - 1 : place - 1 + int(name)].decode(), sample)
            for kind, sample, place, name in self._events
            if kind == "word"
        ]
        return Spoken(
            resample(wave, self._rate_hz, SAMPLE_RATE_HZ),
            self._spans(starts, end),
            self._spans(phones, end),
        )

    def _spans(self, starts: Sequence[tuple[str, int]], end: int) -> list[tuple[str, float, float]]:
        """Return names with their seconds: each lasts until the next one."""
        ends = [*(sample for _, sample in starts[1:]), end]
        seconds = 1 / self._rate_hz
        return [
            (name, sample * seconds, until * seconds)
            for (name, sample), until in zip(starts, ends, strict=True)
        ]

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        """Keep samples and events; the library calls this."""
        kinds = {number: kind for kind, number in LIBRARY_EVENTS.items()}
        if samples and count:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for event in events:
            kind = kinds.get(event.type)
            if kind == "end":
                break
            if kind == "word":
                self._events.append((kind, event.sample, event.text_position, str(event.length)))
            elif kind == "phone":
                name = event.id.string.decode("utf-8", "replace").lstrip(STRESS)
                name = SILENCE if name.startswith("_") or not name else name
                self._events.append((kind, event.sample, event.text_position, name))
        return 0


@dataclass(frozen=True)
class MadeSpeech:
    """Write synthetic speech: OUT/VOICE/NUMBER.flac, OUT/phones.item and OUT/words.item.

    OUT/words.csv has the words too, and OUT/meta.csv lists the sentences with the times of their
    words, to train on.
    """

    out: Path = Path("runs/speech/made")
    voices: int = 10
    """Number of voices, at most twelve."""
    sentences: int = 30
    """Sentences of each voice."""
    words: int = 6
    """Words of a sentence."""
    seed: int = 0


def main(wanted: MadeSpeech) -> None:
    """Speak and write everything."""
    synthesizer = Synthesizer()
    items: list[Item] = []
    words: list[dict[str, Any]] = []
    spoken_words: list[Item] = []
    sentences: list[dict[str, Any]] = []
    for voice, number, text in script(wanted):
        spoken = synthesizer.speak(text, voice)
        file = f"{voice.name}/{number:03}"
        (wanted.out / voice.name).mkdir(parents=True, exist_ok=True)
        soundfile.write(wanted.out / f"{file}.flac", spoken.wave, SAMPLE_RATE_HZ)
        items += items_of(spoken.phones, file, voice.name)
        words += [
            {"file": file, "onset_s": round(a, 4), "offset_s": round(b, 4), "word": word}
            for word, a, b in spoken.words
        ]
        spoken_words += items_of(spoken.words, file, voice.name)
        times = " ".join(f"{a:.4f}-{b:.4f}" for _, a, b in spoken.words)
        sentences.append({"path": f"{file}.flac", "speaker": voice.name, "words": times})
    write_items(wanted.out / "phones.item", items)
    write_items(wanted.out / "words.item", spoken_words)
    write_rows(wanted.out / "words.csv", words)
    write_rows(wanted.out / "meta.csv", sentences)
    print(f"{wanted.out}: {wanted.voices * wanted.sentences} sentences, {len(items)} phones")


def script(wanted: MadeSpeech) -> Iterator[tuple[Voice, int, list[str]]]:
    """Yield who speaks, the number of the sentence, and its words."""
    if not 1 <= wanted.voices <= len(VARIANTS):
        raise UserError(f"voices is {wanted.voices}; expected 1 to {len(VARIANTS)}")
    rng, known = np.random.default_rng(wanted.seed), WORDS.split()
    for variant in VARIANTS[: wanted.voices]:
        voice = Voice(variant, int(rng.integers(20, 80)), int(rng.integers(120, 190)))
        for number in range(wanted.sentences):
            yield voice, number, [known[i] for i in rng.integers(len(known), size=wanted.words)]


def items_of(found: Sequence[tuple[str, float, float]], file: str, speaker: str) -> Iterator[Item]:
    """Yield phones or words, without silence, each between its neighbors."""
    names = [SILENCE, *(name for name, _, _ in found), SILENCE]
    for i, (name, onset, offset) in enumerate(found, start=1):
        if name != SILENCE:
            yield Item(file, onset, offset, name, names[i - 1], names[i + 1], speaker)


if __name__ == "__main__":
    main(tyro.cli(MadeSpeech, description=__doc__))
