"""Find the parts of an audio file that the decoder is to read.

Left alone, libsndfile reads in silence what is left of a cut file, and no further than the first
header says. So each format's headers are compared with the file before it is decoded.
"""

from __future__ import annotations

from typing import BinaryIO

from tiny_audio_ssl.audio.chunks import LAYOUTS, chunk_parts
from tiny_audio_ssl.audio.flac import flac_parts
from tiny_audio_ssl.audio.frames import check_frames
from tiny_audio_ssl.audio.headers import ENDS, header_parts
from tiny_audio_ssl.audio.matlab import matlab_parts
from tiny_audio_ssl.audio.mpeg import is_mpeg, mpeg_frame, mpeg_parts
from tiny_audio_ssl.audio.ogg import ogg_parts
from tiny_audio_ssl.audio.parts import ContainerError, Part, check_no_second_header, read_at
from tiny_audio_ssl.audio.signatures import (
    HEAD_BYTES,
    foreign_format,
    foreign_reason,
    readable_format,
)


def parts_of(file: BinaryIO, size: int, suffix: str) -> tuple[list[Part], bool]:
    """Return the parts of a file of `size` bytes, and whether it is an MP3.

    Raises:
        ContainerError: its bytes contradict its headers, or it is of a format that is not read.
    """
    head = read_at(file, 0, HEAD_BYTES)
    magic = head[:4]
    if magic == b"OggS":
        return ogg_parts(file, size), False
    if magic == b"fLaC" or (magic[:3] == b"ID3" and _is_tagged_flac(file)):
        return flac_parts(file, size), False
    if magic in LAYOUTS:
        return chunk_parts(file, size), False
    if magic in ENDS:
        return header_parts(file, size), False
    known = readable_format(head, size)
    if known is None and (name := foreign_format(head)):
        raise ContainerError(foreign_reason(name))
    if is_mpeg(head) or mpeg_frame(magic) or (known is None and suffix == ".mp3"):
        return mpeg_parts(file, size), True
    if known == "MATLAB":
        return matlab_parts(file, size), False
    if known:
        check_frames(known, head, size)
        check_no_second_header(file)
    elif head.startswith(b"\1\4"):  # libsndfile takes it for MPC2K, whatever its size
        raise ContainerError("damaged: its size does not match its header")
    elif suffix in (".raw", ".pcm", ".sln"):
        raise ContainerError(foreign_reason("samples without a header"))
    elif suffix in (".gsm", ".vox") and not _is_telephony(head, suffix):
        raise ContainerError("unreadable: not audio in a known format")
    return [Part(0, size)], False


def _is_tagged_flac(file: BinaryIO) -> bool:
    tag = read_at(file, 0, 10)
    if len(tag) < 10:
        return False
    size = sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    return read_at(file, 10 + size, 4) == b"fLaC"


def _is_telephony(head: bytes, suffix: str) -> bool:
    """Whether the samples without a header, which the decoder takes as such, may be sound."""
    if suffix == ".gsm":  # frames of 33 bytes begin with the bits 1101
        return all(byte >> 4 == 0xD for byte in head[::33])
    return not head.startswith(b"VOX ") and b"\0" in head
