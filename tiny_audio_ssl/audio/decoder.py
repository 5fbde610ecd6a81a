"""Open the parts of an audio file for libsndfile, and put its errors into words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from tiny_audio_ssl.audio.containers import parts_of
from tiny_audio_ssl.audio.errors import AudioError, in_words
from tiny_audio_ssl.audio.parts import ContainerError, Part, Section
from tiny_audio_ssl.audio.waveform import LOWEST_RATE_HZ
from tiny_audio_ssl.utils.quiet import native_stderr_hidden

HIGHEST_RATE_HZ = 4_000_000  # of a recorder of ultrasound; beyond, the header is damaged
MOST_VALUES = 2**24  # in a block, of all channels together
_NO_LENGTH = 2**62  # libsndfile's frame count when the header gives none is larger than this
_MP3_SLACK_FRAMES = 2 * 1152  # encoder delay and padding that a decoder may or may not drop
_SKIP_FRAMES = 2**16


class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A part of a sound file that is only read forwards.

    soundfile seeks after every read of a file that says it is seekable, which costs time and fails
    on FLAC streams without a length. So this one says that it is not.

    Attributes:
        length: samples per channel, or None if only decoding will tell.
        position: samples per channel that were read or skipped.
    """

    is_mp3 = False
    length: int | None = None
    position = 0

    def seekable(self) -> bool:
        return False

    def read_block(self, frames: int) -> npt.NDArray[np.float32]:
        """Return up to `frames` samples, float32 `[samples, channels]`; none at the end."""
        frames = min(max(1, frames), MOST_VALUES // self.channels, self.frames - self.position)
        with self.quiet():
            block: npt.NDArray[np.float32] = self.read(frames, dtype="float32", always_2d=True)
        self.position += len(block)
        return block

    def skip(self, frames: int) -> None:
        """Go to the sample `frames`, by decoding up to there if the format can't seek.

        To be called before anything is read.
        """
        try:
            with self.quiet():
                self.seek(frames)
        except soundfile.LibsndfileError:
            while self.position < frames:
                if not len(self.read_block(min(_SKIP_FRAMES, frames - self.position))):
                    break
        self.position = frames

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        return native_stderr_hidden() if self.is_mp3 else contextlib.nullcontext()

    @property
    def missing_s(self) -> float:
        """Seconds by which the decoded sound is shorter than the file says."""
        if self.length is None:
            return 0.0
        slack = _MP3_SLACK_FRAMES if self.is_mp3 else 0
        return max(0, self.length - slack - self.position) / float(self.samplerate)


def file_parts(path: Path) -> tuple[list[Part], bool]:
    """Return the parts of a file, none if it is to be read as it is, and `opened`'s `is_mp3`.

    Raises:
        AudioError: absent, empty, or its bytes contradict its headers.
    """
    with _raw(path) as raw:
        if not (size := os.fstat(raw.fileno()).st_size):
            raise AudioError(path, "empty")
        try:
            parts, is_mp3 = parts_of(raw, size, path.suffix.lower())
            is_mp3 = is_mp3 or path.suffix.lower() == ".mp3"  # libsndfile would try it as one
        except ContainerError as error:
            raise AudioError(path, str(error)) from error
        is_raw = path.suffix.lower() == ".raw"  # by which soundfile would tell the format
        if parts == [Part(0, size)] and not is_raw:
            return [], is_mp3
        return parts, is_mp3


@contextlib.contextmanager
def opened(path: Path, part: Part | None, is_mp3: bool) -> Iterator[SequentialFile]:
    """Open a part of a file, or all of it; of what may be an MP3, libsndfile prints nothing.

    Raises:
        AudioError: unreadable, without samples, or of a sample rate that can't be right.
    """
    with contextlib.ExitStack() as stack:
        source: Any = os.fsencode(path)
        if part is not None:
            source = stack.enter_context(Section(path, part))
        try:
            with native_stderr_hidden() if is_mp3 else contextlib.nullcontext():
                file = stack.enter_context(SequentialFile(source))
        except soundfile.LibsndfileError as error:
            raise AudioError(path, f"unreadable: {in_words(error)}") from error
        file.is_mp3 = file.subtype.startswith("MPEG")
        if part is not None and part.is_endless:
            file.length = part.frames
        elif file.frames <= _NO_LENGTH:
            file.length = file.frames
        if file.frames == 0:
            raise AudioError(path, "empty: no samples")
        if not LOWEST_RATE_HZ <= file.samplerate <= HIGHEST_RATE_HZ:
            raise AudioError(path, f"unreadable: a sample rate of {file.samplerate} Hz")
        yield file


def _raw(path: Path) -> BinaryIO:
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise AudioError(path, "not a file")
        return path.open("rb")
    except (OSError, ValueError) as error:  # a null character in the name
        raise AudioError(path, in_words(error)) from error
