"""The streams of an Ogg file, which may follow each other: each is decoded by itself."""

from __future__ import annotations

from typing import BinaryIO

from tiny_audio_ssl.audio.parts import ContainerError, Part, find_all, is_padding, read_at, stray

_HEAD_BYTES = 27 + 255
_BEGINS_STREAM = 2


def ogg_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return a part for each chained stream (RFC 3533).

    The flag on the last page, which marks the end, may be absent: recorders that were interrupted
    and several messengers leave it out.

    Raises:
        ContainerError: cut within a page or a packet, or other bytes among the pages.
    """
    begins, end = [0], 0
    was_first, continues = True, False
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
        end = following
    if continues:
        raise ContainerError("cut short: its last packet is not complete")
    return [Part(begin, stop) for begin, stop in zip(begins, [*begins[1:], end], strict=True)]


def _check_rest(file: BinaryIO, begin: int, size: int) -> None:
    if next(find_all(file, b"OggS", begin), None) is not None:
        raise ContainerError("damaged: other bytes lie between its pages")
    if b"OggS".startswith(read_at(file, begin, 4)):
        raise ContainerError("cut short: its last page is not complete")
    if not is_padding(file, begin, size):
        raise stray(size - begin)
