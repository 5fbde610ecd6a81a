"""Read any audio file as a mono waveform. The only module that deals with sample rates.

A waveform is float32 `[samples]`, mono, 16 kHz, with full scale at -1..1; float files and resampled
ones may go beyond, up to `LOUDEST`. A file that can't be read as one raises `AudioError` with a
short reason; it neither crashes the process nor lets a C library print.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ as SAMPLE_RATE_HZ
from tiny_audio_ssl.audio.constants import SILENCE_PEAK as SILENCE_PEAK
from tiny_audio_ssl.audio.constants import WINDOW_MS as WINDOW_MS
from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES as WINDOW_SAMPLES
from tiny_audio_ssl.audio.decoder import SequentialFile, file_parts, opened
from tiny_audio_ssl.audio.errors import AudioError as AudioError
from tiny_audio_ssl.audio.errors import in_words
from tiny_audio_ssl.audio.parts import Part
from tiny_audio_ssl.audio.waveform import LOUDEST as LOUDEST
from tiny_audio_ssl.audio.waveform import (
    Levels,
    as_waveform,
    check,
    check_rate,
    peak_of,
    range_problem,
)
from tiny_audio_ssl.audio.waveform import Waveform as Waveform


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
    try:
        yield from _stream(path, start_s, end_s, sample_rate_hz, block_s)
    except AudioError:
        raise
    except Exception as error:  # whatever a decoder raises is about this file
        raise AudioError(path, f"damaged or unreadable: {in_words(error)}") from error


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


def from_array(waveform: npt.ArrayLike, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Waveform:
    """Return a checked waveform, [samples] or [batch, samples], at 16 kHz.

    Raises `UserError` as `audio.waveform.as_waveform` does, and for a rate below 1 kHz.
    """
    shapes = ("[samples]", "[batch, samples]")
    wave = as_waveform(waveform, *shapes)
    check_rate(sample_rate_hz)
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return wave
    rows = [resample(row, sample_rate_hz) for row in np.atleast_2d(wave)]
    resampled = np.stack(rows).reshape(*wave.shape[:-1], -1)
    check(resampled, *shapes)  # resampling makes peaks higher
    return resampled


def duration_s(path: str | os.PathLike[str]) -> float:
    """Return the seconds of audio, from the file's header or, where that has none, by decoding."""
    path = Path(path)
    parts, is_mp3 = file_parts(path)
    total_s = 0.0
    for part in parts or (None,):
        with opened(path, part, is_mp3) as file:
            if file.length is None:
                return sum(map(len, stream(path))) / SAMPLE_RATE_HZ
            total_s += file.length / file.samplerate
    return total_s


def format_of(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return the sample rate in Hz and the number of channels. Raises `AudioError`."""
    path = Path(path)
    parts, is_mp3 = file_parts(path)
    with opened(path, parts[0] if parts else None, is_mp3) as file:
        return file.samplerate, file.channels


def to_int16(waveform: Waveform) -> npt.NDArray[np.int16]:
    """Convert to 16-bit PCM of the same shape; samples outside -1..1 are clipped."""
    return np.clip(np.rint(waveform * 32768), -32768, 32767).astype(np.int16)


def to_float(pcm: npt.NDArray[np.int16]) -> Waveform:
    """Convert 16-bit PCM to float32 in -1..1, of the same shape."""
    return pcm.astype(np.float32) / np.float32(32768)


# --- from blocks to blocks ------------------------------------------------------------------


def _stream(
    path: Path, start_s: float, end_s: float | None, sample_rate_hz: int, block_s: float
) -> Iterator[Waveform]:
    parts, is_mp3 = file_parts(path)
    with opened(path, parts[0] if parts else None, is_mp3) as file:
        rate_hz, length = file.samplerate, file.length
        # Whole seconds fall on a sample at every rate. Starting a second or more early lets the
        # resampler and the codec settle before the first sample that is kept.
        early_s = 0 if length is None or len(parts) > 1 else max(0, math.floor(start_s) - 1)
        if length is not None and early_s * rate_hz >= length:
            raise AudioError(path, _starts_late(start_s, length / rate_hz))
        if early_s:
            file.skip(early_s * rate_hz)
        levels = Levels(file.channels, rate_hz)
        mono = _joined(path, file, parts[1:], round(block_s * rate_hz), levels)
        if start_s == 0 and end_s is None:
            mono = _with_sound(mono, levels, path)
        blocks = _resampled(mono, rate_hz, sample_rate_hz)
        begin = round(start_s * sample_rate_hz) - early_s * sample_rate_hz
        end = None
        if end_s is not None:
            end = round(end_s * sample_rate_hz) - early_s * sample_rate_hz
        heard = 0
        for block in _between(blocks, begin, end):
            heard += len(block)
            if rate_hz != sample_rate_hz:  # resampling makes peaks higher
                _check_range(block, path)
            yield block
        if not file.position:
            raise AudioError(path, "empty: no samples")
        if not heard:
            raise AudioError(path, _starts_late(start_s, file.position / rate_hz))


def _joined(
    path: Path, first: SequentialFile, others: Iterable[Part], block_frames: int, levels: Levels
) -> Iterator[Waveform]:
    """Yield the samples of all parts of a file as one recording."""
    yield from _mono(first, path, block_frames, levels)
    for part in others:
        with opened(path, part, first.is_mp3) as file:
            if file.samplerate != first.samplerate:
                rates = f"{first.samplerate} and {file.samplerate} Hz"
                raise AudioError(path, f"joined from parts with {rates}: split or convert it")
            yield from _mono(file, path, block_frames, levels)


def _mono(
    file: SequentialFile, path: Path, block_frames: int, levels: Levels
) -> Iterator[Waveform]:
    while len(block := _read_block(file, path, block_frames)):
        _check_range(block, path)
        mono = block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]
        levels.add(block, mono)
        yield mono
    if file.missing_s:
        raise AudioError(path, f"damaged or cut short: {file.missing_s:.3g} s can't be decoded")


def _read_block(file: SequentialFile, path: Path, frames: int) -> Waveform:
    try:
        return file.read_block(frames)
    except soundfile.LibsndfileError as error:
        reason = in_words(error)
        raise AudioError(path, f"damaged or cut short: {reason}") from error


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
