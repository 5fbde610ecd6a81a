"""The streams of an MP3 file (MPEG-1, 2 and 2.5, layers I to III) and their lengths."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from tiny_audio_ssl.audio.parts import ContainerError, Part, cut_short, is_padding, read_at, stray

_KBPS = {  # by version 1 or 2, and layer
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)
_RESYNC_BYTES = 4096
"""Maximum number of other bytes among the frames that are skipped, as decoders do."""
_FIRST_BYTES = 2**16
"""Number of bytes within which the first frame lies."""


class Frame(NamedTuple):
    size: int  # bytes
    samples: int


def mpeg_frame(head: bytes) -> Frame | None:
    """Return the frame that begins with these four bytes, or None if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbps_code, rate_code = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbps_code in (0, 15) or rate_code == 3:
        return None
    rate_hz = _RATES_HZ[rate_code] >> {3: 0, 2: 1, 0: 2}[version]
    kbps = _KBPS[1 if version == 3 else 2, layer][kbps_code - 1]
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot = 4 if layer == 1 else 1
    size = (samples // 8 * kbps * 1000 // rate_hz // slot + (head[2] >> 1 & 1)) * slot
    return Frame(size, samples)


def is_mpeg(head: bytes) -> bool:
    """Whether bytes begin with an ID3 tag or with two MPEG frames."""
    if head.startswith(b"ID3"):
        return True
    frame = mpeg_frame(head)
    return bool(frame and mpeg_frame(head[frame.size : frame.size + 4]))


def mpeg_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return a part for each stream, with its length where its header does not give it.

    Raises:
        ContainerError: shorter than its header says, cut within a frame, or other bytes in it.
    """
    parts: list[Part] = []
    begin = 0
    while (at := _behind_tags(file, begin, size)) < size:
        head = read_at(file, at, 8192)
        if not (is_mpeg(head) if parts else mpeg_frame(head)):
            found = _next_frame(file, at, _RESYNC_BYTES if parts else _FIRST_BYTES)
            if found is None:
                if size - at > _RESYNC_BYTES and parts and not is_padding(file, at, size):
                    raise stray(size - at)
                break
            begin = found
            continue
        declared = _declared_bytes(head)
        if declared is None:
            end, samples = _walk(file, at, size)
            parts.append(Part(at, end, is_endless=True, frames=samples))
        else:
            end = at + declared
            if end > size:
                raise cut_short(end, size)
            parts.append(Part(begin, end))
        begin = end
    if not parts:
        raise ContainerError("unreadable: not audio in a known format")
    is_plain = len(parts) == 1 and not parts[0].is_endless and parts[0].begin == 0
    return [Part(0, size)] if is_plain else parts


def _behind_tags(file: BinaryIO, at: int, size: int) -> int:
    while at < size:
        head = read_at(file, at, 32)
        if head[:3] == b"ID3" and len(head) >= 10:
            at += 10 + sum(b << shift for b, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        elif head[:3] == b"TAG":
            at += 128
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size_bytes, flags = struct.unpack("<I4xI", head[12:24])
            at += size_bytes + 32 if flags >> 29 & 1 else 32
        else:
            break
    return min(at, size)


def _next_frame(file: BinaryIO, at: int, within: int) -> int | None:
    """Return where the next frame or tag begins, if that is near."""
    text = read_at(file, at, within + 8192)
    for place in range(min(len(text), within)):
        if text[place] in b"\xffI" and is_mpeg(text[place : place + 8192]):
            return at + place
    return None


def _declared_bytes(frame: bytes) -> int | None:
    """Return the size of the stream that starts with this frame by its Xing or Info header.

    Nearly every encoder writes that header; without it the decoder would estimate the length from
    the first bit rate and read no further.
    """
    found = max(frame[:64].find(b"Xing"), frame[:64].find(b"Info"))
    flags = frame[found + 7] if 0 <= found < len(frame) - 16 else 0
    if not flags & 2:
        return None
    count_at = found + (12 if flags & 1 else 8)
    (count,) = struct.unpack(">I", frame[count_at : count_at + 4])
    return int(count) or None


def _walk(file: BinaryIO, at: int, size: int) -> tuple[int, int]:
    """Return where the frames from `at` on end, and how many samples they hold."""
    samples = 0
    while at < size:
        head = read_at(file, at, 128)
        frame = mpeg_frame(head)
        if frame is None:
            is_tag = head.startswith((b"ID3", b"TAG", b"APETAGEX"))
            found = None if is_tag else _next_frame(file, at, _RESYNC_BYTES)
            if found is None or read_at(file, found, 3) == b"ID3":
                break
            at = found
            continue
        if samples and _declared_bytes(head) is not None:
            break  # another stream begins
        if at + frame.size > size:
            raise ContainerError("cut short: its last frame is not complete")
        at += frame.size
        samples += frame.samples
    return at, samples
