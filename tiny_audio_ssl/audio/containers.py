"""Detect truncated audio files, of which libsndfile silently reads what is left.

Reads from the bytes of WAV, AIFF, Ogg and MP3 files how long they say that they are.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO

CHUNKED = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">", b"FORM": ">"}  # WAV, AIFF: byte order


def data_chunk(file: BinaryIO, order: str) -> tuple[int, int]:
    """Return the offset of the size of the samples in a WAV or AIFF, and the size; (0, 0): none."""
    at, size64 = 12, None
    while True:
        file.seek(at)
        header = file.read(32)
        if len(header) < 8:
            return 0, 0
        name, size = struct.unpack(f"{order}4sI", header[:8])
        if name == b"ds64" and len(header) >= 24:  # RF64: the true size of `data`
            size64 = struct.unpack("<Q", header[16:24])[0]
        if name in (b"data", b"SSND"):
            return at + 4, size64 if size64 is not None and size == 0xFFFFFFFF else size
        at += 8 + size + size % 2


def is_unknown(size: int) -> bool:
    """Whether a size is a placeholder: 0, or about the largest 31- or 32-bit number.

    Programs that write to a pipe leave it there.
    """
    return size == 0 or 0x7FFFF000 <= size <= 0x7FFFFFFF or 0xFFFFF000 <= size <= 0xFFFFFFFF


class Unfinished(io.FileIO):
    """A WAV file whose writer left the size at 0; libsndfile is shown "until the end" instead."""

    def __init__(self, path: Path, size_at: int) -> None:
        super().__init__(path)
        self._size_at = size_at

    def readinto(self, buffer: Any) -> int:
        begin = self.tell()
        count = super().readinto(buffer) or 0
        for at in range(max(begin, self._size_at), min(begin + count, self._size_at + 4)):
            buffer[at - begin : at - begin + 1] = b"\xff"
        return count


def ogg_ends(file: BinaryIO, size: int) -> bool:
    """Return whether the last page is complete and marked as the end of the stream."""
    file.seek(max(0, size - 65_536))  # a page has at most 65,307 bytes
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or not page[5] & 4:
        return False
    segments = page[27 : 27 + page[26]]
    return len(segments) == page[26] and len(page) >= 27 + len(segments) + sum(segments)


def is_mp3_frame(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


def mp3_size(file: BinaryIO) -> int | None:
    """Return the file size that the Xing/Info header implies, or None without that header.

    Nearly every encoder writes it. Without it, truncation can't be detected, and libsndfile
    estimates the length from the first bit rate and reads no further: too short if the rate varies.
    """
    file.seek(0)
    tag = file.read(10)
    at = 0
    if tag[:3] == b"ID3" and len(tag) == 10:
        at = 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    file.seek(at)
    frame = file.read(4096)
    found = max(frame.find(b"Xing"), frame.find(b"Info"))
    flags = frame[found + 7] if 0 <= found < len(frame) - 16 else 0
    if not flags & 2:
        return None
    count_at = found + (12 if flags & 1 else 8)
    (count,) = struct.unpack(">I", frame[count_at : count_at + 4])
    return int(at + max(0, found - 36) + count)  # the header lies 13 to 36 bytes into its frame
