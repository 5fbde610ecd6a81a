"""Parts of a file: the stretches of bytes that the decoder reads one after the other.

Most files are one part, and the decoder reads them as they are. Files that were joined end to end
have several. Where a header contradicts the file, the decoder is shown other bytes in its place.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MOST_PADDING_BYTES = 1024
"""Up to so many bytes of any kind behind the sound are passed over: padding and unknown tags."""
TAGS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICSBEGIN", b"3DI")
_ENDLESS_BYTES = 2**40
_TAG_BYTES = 128  # at the end of an MP3, where the decoder looks first
_BLOCK_BYTES = 2**20


class ContainerError(Exception):
    """A file whose bytes contradict its headers; the message is a reason in a few words."""


@dataclass(frozen=True)
class Part:
    """The bytes `begin` to `end` of a file.

    Attributes:
        patches: bytes to show to the decoder in place of the file's own, each with its offset.
        is_endless: whether the decoder must not know the size, from which it would guess a length.
        frames: samples per channel, if they were counted.
    """

    begin: int
    end: int
    patches: tuple[tuple[int, bytes], ...] = ()
    is_endless: bool = False
    frames: int | None = None


class Section(io.FileIO):
    """A part of a file, as a file of its own that can only be read."""

    def __init__(self, path: Path, part: Part) -> None:
        super().__init__(path)
        self.name = "a part"  # soundfile would take the format from the file's ending
        self._part = part
        super().seek(part.begin)

    def readinto(self, buffer: Any) -> int:
        begin = super().tell()
        view = memoryview(buffer).cast("B")
        left = _ENDLESS_BYTES - self.tell()
        if left <= _TAG_BYTES:
            count = max(0, min(left, len(view)))
            view[:count] = bytes(count)
            super().seek(count, io.SEEK_CUR)
            return count
        view = view[: max(0, self._part.end - begin)]
        count = super().readinto(view) or 0
        for offset, patch in self._part.patches:
            first, last = max(begin, offset), min(begin + count, offset + len(patch))
            if first < last:
                view[first - begin : last - begin] = patch[first - offset : last - offset]
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = _ENDLESS_BYTES if self._part.is_endless else self._part.end - self._part.begin
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: size}[whence]
        return super().seek(self._part.begin + max(0, start + offset)) - self._part.begin

    def tell(self) -> int:
        return super().tell() - self._part.begin


def read_at(file: BinaryIO, at: int, count: int) -> bytes:
    """Return up to `count` bytes; none if a damaged header leads far beyond the end."""
    if not 0 <= at < 2**62:
        return b""
    file.seek(at)
    return file.read(count)


def find_all(file: BinaryIO, needle: bytes, begin: int = 0) -> Iterator[int]:
    """Yield the offsets of `needle` from `begin` on."""
    at, kept = begin, b""
    file.seek(begin)
    while block := file.read(_BLOCK_BYTES):
        text = kept + block
        place = text.find(needle)
        while place >= 0:
            yield at - len(kept) + place
            place = text.find(needle, place + 1)
        at += len(block)
        kept = text[-(len(needle) - 1) :]
        file.seek(at)


def check_no_second_header(file: BinaryIO, begin: int = 0) -> None:
    """Raise `ContainerError` if the first bytes from `begin` on are there again: joined files.

    For formats without a length, whose parts can't be told apart.
    """
    needle = read_at(file, begin, 8)
    if needle[:1] != b"\0" and next(find_all(file, needle, begin + len(needle)), None) is not None:
        raise ContainerError("damaged: its header is found again within it; split it there")


def is_padding(file: BinaryIO, begin: int, end: int) -> bool:
    """Whether the bytes behind the sound are few, zeros or a tag."""
    if end - begin <= MOST_PADDING_BYTES or read_at(file, begin, 12).startswith(TAGS):
        return True
    file.seek(begin)
    return all(not block.strip(b"\0") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))


def cut_short(expected_bytes: int, size_bytes: int) -> ContainerError:
    return ContainerError(f"cut short: {size_bytes:,} of {expected_bytes:,} bytes are there")


def stray(count_bytes: int) -> ContainerError:
    return ContainerError(
        f"damaged: {count_bytes:,} bytes follow the part that its header describes"
    )


PartReader = Callable[[BinaryIO, int], list[Part]]
"""Returns the parts of a file, given its size in bytes."""
