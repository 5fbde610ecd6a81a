"""PAF, PVF and IRCAM files, whose headers do not say how long they are.

Where such a file was cut between two frames (a sample of each channel), nothing tells it from a
whole one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from tiny_audio_ssl.audio.parts import ContainerError

_PAF_BLOCK_BYTES = 32  # ten samples of 24 bits
_IRCAM_HEADER_BYTES, _PAF_HEADER_BYTES = 1024, 2048


def check_frames(name: str, head: bytes, size: int) -> None:
    """Raise `ContainerError` if a file of this format, which begins with `head`, ends in a frame.

    Does nothing for other formats, and for headers that the decoder will refuse.
    """
    layout = _LAYOUTS.get(name)
    try:
        begin, frame_bytes = layout(head) if layout else (0, 0)
    except (struct.error, ValueError, KeyError):
        return
    if frame_bytes > 0 and (size - begin) % frame_bytes:
        raise ContainerError("cut short: its last frame is not complete")


def _paf(head: bytes) -> tuple[int, int]:
    order = ">" if head.startswith(b" paf") else "<"
    encoding, channels = struct.unpack_from(f"{order}II", head, 16)
    return _PAF_HEADER_BYTES, {0: 2, 1: _PAF_BLOCK_BYTES, 2: 1}[encoding] * channels


def _pvf(head: bytes) -> tuple[int, int]:
    found = re.match(rb"PVF1\s+(\d+) +\d+ +(\d+)\n", head)
    if not found:
        raise ValueError("no channels and bits")
    return found.end(), int(found[1]) * int(found[2]) // 8


def _ircam(head: bytes) -> tuple[int, int]:
    channels, encoding = struct.unpack_from("<II" if head[0] else ">II", head, 8)
    return _IRCAM_HEADER_BYTES, channels * (encoding & 0xFFFF)


_LAYOUTS: dict[str, Callable[[bytes], tuple[int, int]]] = {
    "PAF": _paf,
    "PVF": _pvf,
    "IRCAM": _ircam,
}
"""By format: where the samples begin, and the bytes of a frame."""
