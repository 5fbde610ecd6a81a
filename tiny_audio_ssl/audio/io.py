"""Read any audio file as a mono waveform. The only module that deals with sample rates.

A waveform is float32 `[samples]`, mono, 16 kHz, with full scale at -1..1; float files and resampled
ones may go beyond, up to `LOUDEST`. A file that can't be read as one raises
`AudioError` with a short reason; it neither crashes the process nor lets a C library print.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from tiny_audio_ssl.audio import containers
from tiny_audio_ssl.audio.constants import EXTENSIONS as EXTENSIONS
from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ as SAMPLE_RATE_HZ
from tiny_audio_ssl.audio.constants import SILENCE_PEAK as SILENCE_PEAK
from tiny_audio_ssl.audio.constants import WINDOW_MS as WINDOW_MS
from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES as WINDOW_SAMPLES
from tiny_audio_ssl.audio.waveform import LOUDEST as LOUDEST
from tiny_audio_ssl.audio.waveform import LOWEST_RATE_HZ, Levels, peak_of, range_problem
from tiny_audio_ssl.audio.waveform import Waveform as Waveform
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.quiet import native_stderr_hidden

_NO_LENGTH = 2**62  # libsndfile's frame count when the header gives none is larger than this
_MP3_SLACK_FRAMES = 2 * 1152  # encoder delay and padding that a decoder may or may not drop
_MP3_SLACK_BYTES = 4096  # a few frames


class AudioError(UserError):
    """A file that can't be used: its `path`, and the `reason` in a few words, for tables."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def stream(
    path: str | os.PathLike[str],
    start_s: float = 0.0,
    end_s: float | None = None,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    block_s: float = 10.0,
) -> Iterator[Waveform]:
    """Yield blocks of about `block_s` seconds, float32 `[samples]`, in constant memory.

    Channels are averaged; values beyond full scale are kept. The samples are those of the whole
    file from `round(start_s * rate)` up to `round(end_s * rate)`, so a part equals the slice of the
    whole; an end beyond the file is the file's end.

    Raises:
        AudioError: absent, unreadable, empty, cut short or damaged; NaN or infinite samples;
            samples beyond `LOUDEST`; only silence, apart from a constant offset, or channels that
            cancel each other when averaged (both checked for whole files alone: parts of a
            recording may be silent); `start_s` beyond the end.
    """
    path = Path(path)
    with _opened(path) as file:
        frames, rate_hz = file.frames, file.samplerate
        # Whole seconds fall on a sample at every rate. Starting a second or more early lets the
        # resampler and the codec settle before the first sample that is kept.
        early_s = 0 if frames > _NO_LENGTH else max(0, math.floor(start_s) - 1)
        if early_s * rate_hz >= frames:
            raise AudioError(path, _starts_late(start_s, frames / rate_hz))
        if early_s:
            file.seek(early_s * rate_hz)
        levels = Levels(file.channels, rate_hz)
        mono = _mono(file, path, round(block_s * rate_hz), levels)
        if start_s == 0 and end_s is None:
            mono = _with_sound(mono, levels, path)
        blocks = _resampled(mono, rate_hz, sample_rate_hz)
        begin = round(start_s * sample_rate_hz) - early_s * sample_rate_hz
        end = None
        if end_s is not None:
            end = round(end_s * sample_rate_hz) - early_s * sample_rate_hz
        something = False
        for block in _between(blocks, begin, end):
            something = True
            if rate_hz != sample_rate_hz:  # resampling makes peaks higher
                _check_range(block, path)
            yield block
        if not something:
            raise AudioError(path, _starts_late(start_s, frames / rate_hz))


def read(
    path: str | os.PathLike[str],
    start_s: float = 0.0,
    end_s: float | None = None,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Waveform:
    """Return the file from `start_s` to `end_s` as float32 `[samples]`: `stream()` in one piece."""
    return np.concatenate(list(stream(path, start_s, end_s, sample_rate_hz)))


def resample(waveform: Waveform, from_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> Waveform:
    """Resample `waveform` `[samples]` to float32 `[about samples * to_hz / from_hz]`."""
    blocks = list(_resampled([np.asarray(waveform, np.float32)], from_hz, to_hz))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def duration_s(path: str | os.PathLike[str]) -> float:
    """Return the seconds of audio, from the file's header or, where that has none, by decoding."""
    with _opened(Path(path)) as file:
        if file.frames <= _NO_LENGTH:
            return float(file.frames / file.samplerate)
    return sum(map(len, stream(path))) / SAMPLE_RATE_HZ


def format_of(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return the sample rate in Hz and the number of channels. Raises `AudioError`."""
    with _opened(Path(path)) as file:
        return file.samplerate, file.channels


def to_int16(waveform: Waveform) -> npt.NDArray[np.int16]:
    """Convert to 16-bit PCM of the same shape; samples outside -1..1 are clipped."""
    return np.clip(np.rint(waveform * 32768), -32768, 32767).astype(np.int16)


def to_float(pcm: npt.NDArray[np.int16]) -> Waveform:
    """Convert 16-bit PCM to float32 in -1..1, of the same shape."""
    return pcm.astype(np.float32) / np.float32(32768)


# --- from blocks to blocks ------------------------------------------------------------------


def _mono(file: _Sequential, path: Path, block_frames: int, levels: Levels) -> Iterator[Waveform]:
    expected = file.frames - file.tell()
    decoded = 0
    while decoded < expected:
        block = _read_block(file, path, min(expected - decoded, max(1, block_frames)))
        if not len(block):
            break
        decoded += len(block)
        _check_range(block, path)
        mono = block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]
        levels.add(block, mono)
        yield mono
    if file.guessed_from:
        if file.bytes_left() > _MP3_SLACK_BYTES:
            raise AudioError(path, "an MP3 whose length can't be told: convert it (ffmpeg, sox)")
        return
    if file.is_mp3:
        expected -= _MP3_SLACK_FRAMES
    if decoded < expected <= _NO_LENGTH:
        missing_s = (expected - decoded) / file.samplerate
        raise AudioError(path, f"damaged or cut short: {missing_s:.3g} s can't be decoded")


def _check_range(block: Waveform, path: Path) -> None:
    if problem := range_problem(peak_of(block)):
        raise AudioError(path, problem)


def _with_sound(blocks: Iterable[Waveform], levels: Levels, path: Path) -> Iterator[Waveform]:
    """Yield the blocks, of which `levels` is told, and raise at their end if they hold no sound."""
    yield from blocks
    if levels.cancelled:
        raise AudioError(
            path,
            "its channels cancel each other when averaged (one is inverted?); keep one: "
            "ffmpeg -i IN -af pan=mono|c0=c0 OUT.flac",
        )
    if levels.silent:
        raise AudioError(path, "silent")


def _read_block(file: _Sequential, path: Path, frames: int) -> Waveform:
    try:
        with file.quiet():
            block: Waveform = file.read(frames, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = _in_words(error)
        raise AudioError(path, f"damaged or cut short: {reason}") from error
    return block


def _resampled(blocks: Iterable[Waveform], from_hz: int, to_hz: int) -> Iterator[Waveform]:
    if from_hz == to_hz:
        yield from blocks
        return
    resampler = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    nothing_yet, last = True, np.zeros(0, np.float32)
    for block in blocks:
        last = block[-1:]
        chunk = resampler.resample_chunk(block)
        if len(chunk):
            nothing_yet = False
            yield chunk
    tail = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
    if len(tail) or nothing_yet:
        yield tail if len(tail) else last  # one sample at 48 kHz is a third of one at 16 kHz


def _between(blocks: Iterable[Waveform], begin: int, end: int | None) -> Iterator[Waveform]:
    at = 0
    for block in blocks:
        stop = len(block) if end is None else min(len(block), end - at)
        kept = block[max(0, begin - at) : max(0, stop)]
        at += len(block)
        if len(kept):
            yield kept
        if end is not None and at >= end:
            return


def _starts_late(start_s: float, length_s: float) -> str:
    return f"start {start_s:g} s is beyond its end at {length_s:.3f} s"


# --- opening --------------------------------------------------------------------------------


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is only read forwards.

    soundfile seeks after every read of a file that says it is seekable, which costs time and fails
    on FLAC streams without a length. So this one says that it is not.
    """

    is_mp3 = False
    guessed_from: io.FileIO | None = None  # the bytes, where libsndfile guesses the length

    def bytes_left(self) -> int:
        assert self.guessed_from
        return os.fstat(self.guessed_from.fileno()).st_size - self.guessed_from.tell()

    def seekable(self) -> bool:
        return False

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        return native_stderr_hidden() if self.is_mp3 else contextlib.nullcontext()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Sequential]:
    with _raw(path) as raw:
        if not (size := os.fstat(raw.fileno()).st_size):
            raise AudioError(path, "empty")
        head = raw.read(12)
        is_mp3 = (
            path.suffix.lower() == ".mp3" or head[:3] == b"ID3" or containers.is_mp3_frame(head)
        )
        source: Any = os.fsencode(path)
        guessed_from = None
        if head[:4] in containers.CHUNKED:
            size_at, declared = containers.data_chunk(raw, containers.CHUNKED[head[:4]])
            if declared == 0 and size_at and head[:4] == b"RIFF":
                source = containers.Unfinished(path, size_at)
            elif not containers.is_unknown(declared) and size_at + 4 + declared > size:
                raise AudioError(path, _cut_short(size_at + 4 + declared, size))
        elif head[:4] == b"OggS" and not containers.ogg_ends(raw, size):
            raise AudioError(path, "cut short: the last page is missing")
        elif is_mp3:
            expected = containers.mp3_size(raw)
            if expected is None:
                source = guessed_from = io.FileIO(path)
            elif expected > size:
                raise AudioError(path, _cut_short(expected, size))
    with contextlib.ExitStack() as stack:
        if isinstance(source, io.FileIO):
            stack.enter_context(source)
        try:
            with native_stderr_hidden() if is_mp3 else contextlib.nullcontext():
                file = stack.enter_context(_Sequential(source))
        except soundfile.LibsndfileError as error:
            raise AudioError(path, f"unreadable: {_in_words(error)}") from error
        file.is_mp3, file.guessed_from = is_mp3, guessed_from
        if file.frames == 0:
            raise AudioError(path, "empty: no samples")
        if file.samplerate < LOWEST_RATE_HZ:
            raise AudioError(path, f"unreadable: a sample rate of {file.samplerate} Hz")
        yield file


def _raw(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise AudioError(path, "not a file")
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(path, "not there") from error
    except OSError as error:
        raise AudioError(path, (error.strerror or str(error)).lower()) from error


def _in_words(error: soundfile.LibsndfileError) -> str:
    words = str(error.error_string).strip().rstrip(".").removeprefix("Error : ")
    if words.startswith(("File does not exist", "Format not recognised")):  # what mpg123 calls it
        return "not audio in a known format"
    return words[:1].lower() + words[1:]


def _cut_short(expected_bytes: int, size_bytes: int) -> str:
    return f"cut short: {size_bytes:,} of {expected_bytes:,} bytes are there"
