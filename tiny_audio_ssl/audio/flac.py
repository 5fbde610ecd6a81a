"""The streams of a FLAC file, and whether their headers say how long they are (RFC 9639)."""

from __future__ import annotations

from typing import BinaryIO

from tiny_audio_ssl.audio.parts import Part, find_all, read_at

_STREAMINFO = ((0, 0, 0, 34), (128, 0, 0, 34))  # type and size of the first block
_LARGEST_FRAME_BYTES = 2**19
_BLOCK_SIZES = {1: 192} | {code: 576 << (code - 2) for code in range(2, 6)}
_BLOCK_SIZES |= {code: 256 << (code - 8) for code in range(8, 16)}


def flac_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return a part for each stream; one whose header gives too few samples is shown none."""
    begins = [
        at for at in find_all(file, b"fLaC") if tuple(read_at(file, at + 4, 4)) in _STREAMINFO
    ]
    if not begins:
        return [Part(0, size)]
    begins[0] = 0
    return [_part(file, begin, end) for begin, end in zip(begins, [*begins[1:], size], strict=True)]


def _part(file: BinaryIO, begin: int, end: int) -> Part:
    start = next(find_all(file, b"fLaC", begin))  # behind an ID3 tag
    info = read_at(file, start + 8, 34)
    if len(info) < 34:
        return Part(begin, end)
    count = int.from_bytes(info[13:18], "big") & (2**36 - 1)
    largest = int.from_bytes(info[7:10], "big") or _LARGEST_FRAME_BYTES
    if count and _last_sample(file, start, end, info, largest) > count:
        unknown = bytes([info[13] & 0xF0, 0, 0, 0, 0])
        return Part(begin, end, patches=((start + 21, unknown),))
    return Part(begin, end)


def _last_sample(file: BinaryIO, begin: int, end: int, info: bytes, largest: int) -> int:
    """Return the number of samples up to the last frame's end; 0 if that frame is not found."""
    first = max(begin + 42, end - 2 * largest - 1024)
    tail = read_at(file, first, end - first)
    fixed = int.from_bytes(info[2:4], "big")
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        if samples := _frame_end(tail[at : at + 16], fixed):
            return samples
    return 0


def _frame_end(head: bytes, fixed_block: int) -> int:
    """Return the sample at which the frame ends that begins with `head`; 0: it is no frame."""
    if len(head) < 16 or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[2] & 15 == 15:
        return 0
    length = max(1, 8 - (head[4] ^ 0xFF).bit_length())  # of a number in UTF-8's manner
    if head[4] & 0xC0 == 0x80 or length > 7:
        return 0
    number = head[4] & (0xFF >> (length + 1) if length > 1 else 0x7F)
    for byte in head[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    at = 4 + length
    code = head[2] >> 4
    block = _BLOCK_SIZES.get(code, 0)
    if code in (6, 7):
        block = int.from_bytes(head[at : at + code - 5], "big") + 1
        at += code - 5
    at += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if not block or at > 15 or _crc8(head[:at]) != head[at]:
        return 0
    return number + block if head[1] & 1 else number * fixed_block + block


def _crc8(text: bytes) -> int:
    crc = 0
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
