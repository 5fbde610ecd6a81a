"""The streams of an Ogg file, which may follow each other: each is decoded by itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import BinaryIO

from tiny_audio_ssl.audio.parts import ContainerError, Part, find_all, is_padding, read_at, stray

_HEAD_BYTES = 27 + 255
_BEGINS_STREAM = 2
_ENDS_STREAM = 4
_POLYNOMIAL = 0x04C11DB7


def ogg_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return a part for each chained stream (RFC 3533).

    The flag on the last page, which marks the end, may be absent: recorders that were interrupted
    and several messengers leave it out.

    Raises:
        ContainerError: cut within a page or a packet, or other bytes among the pages.
    """
    begins, end = [0], 0
    last, was_first, continues, has_mark = 0, True, False, True
    while end < size:
        head = read_at(file, end, _HEAD_BYTES)
        if not head.startswith(b"OggS"):
            _check_rest(file, end, size)
            break
        lacing = head[27 : 27 + head[26]] if len(head) > 27 else b""
        following = end + 27 + len(lacing) + sum(lacing)
        if len(head) < 27 or len(lacing) < head[26] or following > size:
            raise ContainerError("cut short: its last page is not complete")
        is_first = bool(head[5] & _BEGINS_STREAM)
        if is_first and not was_first:
            begins.append(end)
        was_first = is_first
        continues = bool(lacing) and lacing[-1] == 255
        last, has_mark = end, bool(head[5] & _ENDS_STREAM)
        end = following
    if continues:
        raise ContainerError("cut short: its last packet is not complete")
    parts = [Part(begin, stop) for begin, stop in zip(begins, [*begins[1:], end], strict=True)]
    if not has_mark:
        parts[-1] = replace(parts[-1], patches=_with_mark(read_at(file, last, end - last), last))
    return parts


def _with_mark(page: bytes, at: int) -> tuple[tuple[int, bytes], ...]:
    """Return the patches that mark a page as the last, without which Opus counts as damaged."""
    flags = bytes([page[5] | _ENDS_STREAM])
    crc = 0
    for byte in page[:5] + flags + page[6:22] + bytes(4) + page[26:]:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _crc_table()[crc >> 24 ^ byte]
    return (at + 5, flags), (at + 22, crc.to_bytes(4, "little"))


@cache
def _crc_table() -> list[int]:
    table = [byte << 24 for byte in range(256)]
    for _ in range(8):
        table = [(c << 1 ^ (_POLYNOMIAL if c >> 31 else 0)) & 0xFFFFFFFF for c in table]
    return table


def _check_rest(file: BinaryIO, begin: int, size: int) -> None:
    if next(find_all(file, b"OggS", begin), None) is not None:
        raise ContainerError("damaged: other bytes lie between its pages")
    if b"OggS".startswith(read_at(file, begin, 4)):
        raise ContainerError("cut short: its last page is not complete")
    if not is_padding(file, begin, size):
        raise stray(size - begin)
