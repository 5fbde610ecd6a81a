"""How long the sound is by the header of AU, NIST, AVR, WVE, SDS, VOC and XI files."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import BinaryIO

from tiny_audio_ssl.audio.parts import (
    ContainerError,
    Part,
    check_no_second_header,
    cut_short,
    is_padding,
    read_at,
    stray,
)

_UNKNOWN = 0xFFFFFFFF


def header_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return the parts of a file whose first four bytes are in `ENDS`.

    Raises:
        ContainerError: shorter than its header says, or other bytes follow.
    """
    parts: list[Part] = []
    begin = 0
    while begin < size:
        magic = read_at(file, begin, 4)
        end = ENDS[magic](file, begin)
        if end is None or end <= begin:
            check_no_second_header(file, begin)
            is_au = magic in (b".snd", b"dns.")  # 0 for "until the end", as some writers leave it
            patches = ((begin + 8, b"\xff" * 4),) if is_au else ()
            return [*parts, Part(begin, size, patches)]
        if end > size:
            raise cut_short(end - begin, size - begin)
        if end < size and read_at(file, end, 4) not in ENDS:
            if not is_padding(file, end, size):
                raise stray(size - end)
            return [*parts, Part(begin, end)]
        parts.append(Part(begin, end))
        begin = end
    return parts


def _au(file: BinaryIO, begin: int) -> int | None:
    header = read_at(file, begin, 12)
    order = ">" if header[:4] == b".snd" else "<"
    offset, count = struct.unpack(f"{order}4xII", header) if len(header) == 12 else (0, 0)
    return None if count in (0, _UNKNOWN) else begin + offset + count


def _nist(file: BinaryIO, begin: int) -> int | None:
    text = read_at(file, begin, 1024).decode("latin-1")
    fields = dict(re.findall(r"^(\w+) -\w+ (\S+)", text, re.MULTILINE))
    if fields.get("sample_coding", "pcm") not in ("pcm", "ulaw", "alaw", "mu-law"):
        return None
    try:
        counts = [int(fields[f]) for f in ("sample_count", "channel_count", "sample_n_bytes")]
        offset = int(text.split("\n")[1])
    except (KeyError, ValueError, IndexError):
        return None
    samples, channels, width = counts
    return begin + offset + samples * channels * width if samples > 0 else None


def _avr(file: BinaryIO, begin: int) -> int | None:
    header = read_at(file, begin, 128)
    if len(header) < 128:
        return None
    stereo, bits = struct.unpack(">HH", header[12:16])
    (frames,) = struct.unpack(">I", header[26:30])
    return begin + 128 + frames * (2 if stereo else 1) * (bits // 8) if frames else None


def _wve(file: BinaryIO, begin: int) -> int | None:
    (count,) = struct.unpack(">I", read_at(file, begin + 18, 4).rjust(4, b"\0"))
    return begin + 32 + count if count else None


def _sds(file: BinaryIO, begin: int) -> int | None:
    header = read_at(file, begin, 21)
    if len(header) < 21:
        return None
    words = header[10] | header[11] << 7 | header[12] << 14
    bytes_per_word = -(-header[6] // 7) or 1
    end = begin + 21 + -(-words // (120 // bytes_per_word)) * 127
    for at in range(begin + 21, end, 127):  # of others, libsndfile complains on the terminal
        block = read_at(file, at, 4)
        if block and (len(block) < 4 or block[:2] != b"\xf0\x7e" or block[3] != 2):
            raise ContainerError("damaged: one of its blocks begins unlike the others")
        if not block:
            break
    return end


def _voc(file: BinaryIO, begin: int) -> int | None:
    """Walk the blocks; the one that marks the end may be absent."""
    header = read_at(file, begin, 26)
    if len(header) < 26:
        return None
    at = begin + int.from_bytes(header[20:22], "little")
    while block := read_at(file, at, 4):
        if block[0] == 0:
            return at + 1
        if len(block) < 4 or block[0] > 9:
            return at  # no block: where the sound ends
        at += 4 + int.from_bytes(block[1:], "little")
    return at


def _xi(file: BinaryIO, begin: int) -> int | None:
    """Add up the sizes of the samples, which some writers leave at 0."""
    head = read_at(file, begin, 298)
    count = int.from_bytes(head[296:], "little")
    heads = [read_at(file, begin + 298 + 40 * n, 40) for n in range(count)]
    sizes = [int.from_bytes(one[:4], "little") for one in heads]
    if not sizes or not all(sizes):
        return None
    return begin + 298 + 40 * count + sum(sizes)


ENDS: dict[bytes, Callable[[BinaryIO, int], int | None]] = {
    b".snd": _au,
    b"dns.": _au,
    b"NIST": _nist,
    b"2BIT": _avr,
    b"ALaw": _wve,
    b"\xf0\x7e\x00\x01": _sds,
    b"Crea": _voc,
    b"Exte": _xi,
}
"""By the first four bytes: where the sound ends, or None if the header does not say."""
