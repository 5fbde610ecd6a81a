"""Odd and broken audio files of every format that the decoder reads, made by seed.

By hand, some thousands of them:

    python tests/support/odd_files.py 5000 [SEED]
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from tiny_audio_ssl.audio.errors import AudioError
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, duration_s, read

SECONDS = 0.4
UNWRITABLE = {"MPEG_LAYER_I", "MPEG_LAYER_II", "DWVW_12"}  # libsndfile only reads these


class OddFile(NamedTuple):
    kind: str  # container, encoding and what was done
    suffix: str
    data: bytes


def kinds() -> list[tuple[str, str]]:
    """Return the containers and encodings that libsndfile can write."""
    return [
        (container, encoding)
        for container in soundfile.available_formats()
        for encoding in soundfile.available_subtypes(container)
        if container not in ("RAW", "SD2")  # one has no header, the other keeps it in another file
        and encoding not in UNWRITABLE
        and (container, encoding) != ("WAV", "MPEG_LAYER_III")
    ]


@cache
def whole(container: str, encoding: str, seconds: float = SECONDS, seed: int = 0) -> bytes:
    """Return a good file: noise, mono, 8 kHz where the format allows it."""
    rate_hz = 44_100 if container == "XI" else 8000  # the rate of XI is fixed
    wave = np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * rate_hz))
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate_hz, format=container, subtype=encoding)
    return buffer.getvalue()


def odd_files(count: int, seed: int = 0) -> Iterator[OddFile]:
    """Yield `count` files, each kind in turn, with one to three changes drawn by the seed."""
    rng = np.random.default_rng(seed)
    every = kinds()
    names = list(CHANGES)
    for number in range(count):
        container, encoding = every[number % len(every)]
        data, done = whole(container, encoding), []
        for _ in range(rng.integers(1, 4)):
            name = names[rng.integers(len(names))]
            data = CHANGES[name](data, rng)
            done.append(name)
        suffix = container.lower() if rng.random() < 0.8 else ("wav", "mp3", "bin")[number % 3]
        yield OddFile(f"{container} {encoding} {'+'.join(done)}", suffix, data)


def outcome(path: Path) -> str:
    """Return "read" or the reason of an `AudioError`; anything else than these is a fault."""
    try:
        wave = read(path)
    except AudioError as error:
        assert error.reason and "\n" not in error.reason
        return error.reason
    assert wave.dtype == np.float32 and wave.ndim == 1 and len(wave)
    assert np.isfinite(wave).all()
    assert duration_s(path) < len(wave) / SAMPLE_RATE_HZ + 1
    return "read"


# --- what happens to files ------------------------------------------------------------------


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _bytes_changed(data: bytes, rng: np.random.Generator) -> bytes:
    text = bytearray(data)
    for at in rng.integers(0, max(1, len(text)), 1 + int(rng.exponential(20))):
        text[at : at + 1] = bytes([rng.integers(256)])
    return bytes(text)


def _header_changed(data: bytes, rng: np.random.Generator) -> bytes:
    text = bytearray(data)
    for at in rng.integers(0, max(1, min(128, len(text) - 4)), rng.integers(1, 4)):
        values = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, int(rng.integers(2**32)))
        text[at : at + 4] = values[rng.integers(len(values))].to_bytes(
            4, "little" if rng.random() < 0.5 else "big"
        )
    return bytes(text)


def _twice(data: bytes, rng: np.random.Generator) -> bytes:
    return data + data


def _other_kind_behind(data: bytes, rng: np.random.Generator) -> bytes:
    every = kinds()
    return data + whole(*every[rng.integers(len(every))])


def _junk_behind(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 5000)))


def _zeros_behind(data: bytes, rng: np.random.Generator) -> bytes:
    return data + bytes(int(rng.integers(1, 5000)))


def _junk_in_front(data: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(1, 300))) + data


def _tagged(data: bytes, rng: np.random.Generator) -> bytes:
    return b"ID3\x03\0\0\0\0\x02\0" + bytes(256) + data + b"TAG" + bytes(125)


def _piece_lost(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:first] + data[last:]


def _piece_zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:first] + bytes(int(last - first)) + data[last:]


CHANGES = {
    "cut": _cut,
    "bytes changed": _bytes_changed,
    "header changed": _header_changed,
    "twice": _twice,
    "other kind behind": _other_kind_behind,
    "junk behind": _junk_behind,
    "zeros behind": _zeros_behind,
    "junk in front": _junk_in_front,
    "tagged": _tagged,
    "piece lost": _piece_lost,
    "piece zeroed": _piece_zeroed,
}


def main(count: int, seed: int) -> None:
    """Read odd files, and print those that take long, and how many ended in which way."""
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate(odd_files(count, seed)):
            path = Path(folder) / f"odd.{file.suffix}"
            path.write_bytes(file.data)
            print(f"\r{number} {file.kind:70}", end="", file=sys.stderr)  # last if it crashes
            began = time.perf_counter()
            try:
                ending = outcome(path)
                if "Error:" not in ending:
                    ending = ending.partition(":")[0].partition(" reach")[0]
            except Exception as error:
                ending = f"FAULT {type(error).__name__}"
                print(f"\n{file.kind}: {error!r}")
                Path(f"{tempfile.gettempdir()}/odd-{seed}-{number}.{file.suffix}").write_bytes(
                    file.data
                )
            if (taken_s := time.perf_counter() - began) > 1:
                print(f"\n{file.kind}: {taken_s:.1f} s")
            counts[ending] = counts.get(ending, 0) + 1
    for ending, times in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{times:6} {ending}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
