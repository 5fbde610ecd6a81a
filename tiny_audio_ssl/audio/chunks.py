"""Where the samples lie in files that are made of chunks: WAV, RF64, AIFF, 8SVX, Wave64, CAF."""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import Struct
from typing import BinaryIO

from tiny_audio_ssl.audio.parts import (
    ContainerError,
    Part,
    cut_short,
    is_padding,
    read_at,
    stray,
)


@dataclass(frozen=True)
class Layout:
    """How a format writes its chunks: each a name, a size and its content."""

    first: int  # bytes in front of the first chunk
    head: Struct  # name and size
    alignment: int = 2
    counts_head: bool = False  # whether the size includes the head
    data: tuple[bytes, ...] = (b"data",)  # chunks that hold samples

    @property
    def size_format(self) -> Struct:
        return Struct(self.head.format[0] + self.head.format[-1])

    @property
    def largest(self) -> int:
        return int.from_bytes(b"\xff" * self.size_format.size, "big")


LAYOUTS = {
    b"RIFF": Layout(12, Struct("<4sI")),
    b"RF64": Layout(12, Struct("<4sI")),
    b"RIFX": Layout(12, Struct(">4sI")),
    b"FORM": Layout(12, Struct(">4sI"), data=(b"SSND", b"BODY")),
    b"riff": Layout(40, Struct("<16sQ"), 8, counts_head=True),
    b"caff": Layout(8, Struct(">4sQ"), 1),
}
METADATA = (
    b"LIST", b"id3 ", b"ID3 ", b"JUNK", b"junk", b"PAD ", b"bext", b"cue ", b"fact", b"PEAK",
    b"smpl", b"inst", b"iXML", b"axml", b"_PMX", b"afsp", b"MARK", b"INST", b"COMT", b"NAME",
    b"AUTH", b"(c) ", b"ANNO", b"APPL", b"MIDI", b"CHAN", b"plst", b"adtl", b"levl", b"free",
    b"info", b"kuki", b"pakt", b"chan", b"strg", b"mark", b"regn", b"umid", b"uuid",
)  # fmt: skip


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    size_at: int
    begin: int  # of the content
    size: int  # of the content
    next: int  # offset of the next chunk

    def is_metadata(self, end: int) -> bool:
        if self.name[:4] in METADATA:
            return True
        is_text = len(self.name) == 4 and all(32 <= byte < 127 for byte in self.name)
        return is_text and self.begin + self.size <= end


def chunk_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return the parts of a file whose first four bytes are in `LAYOUTS`."""
    parts: list[Part] = []
    begin = 0
    while not parts or read_at(file, begin, 4) in LAYOUTS:
        part, begin = _part(file, begin, size)
        parts.append(part)
    return parts


def is_unknown(size: int, largest: int) -> bool:
    """Whether a size is a placeholder: 0, or about the largest signed or unsigned number.

    Programs that write to a pipe leave it there.
    """
    return size == 0 or any(0 <= top - size <= 0xFFF for top in (largest, largest >> 1))


def _chunk(file: BinaryIO, at: int, layout: Layout) -> _Chunk | None:
    head = read_at(file, at, layout.head.size)
    if len(head) < layout.head.size:
        return None
    name, size = layout.head.unpack(head)
    begin = at + len(head)
    content = max(0, size - len(head)) if layout.counts_head and size else size
    following = begin + content
    following += -following % layout.alignment if layout.alignment < 8 else -content % 8
    return _Chunk(name, at + len(name), begin, content, following)


def _part(file: BinaryIO, begin: int, size: int) -> tuple[Part, int]:
    """Return the part that begins at `begin`, and where the next one begins."""
    magic = read_at(file, begin, 4)
    layout = LAYOUTS[magic]
    sound, size64_at, size64 = _sound(file, begin, layout)
    whole = Part(begin, size)
    if sound is None:
        return whole, size
    declared = sound.size
    if magic == b"RF64" and size64_at and declared == layout.largest:
        declared = size64
        if not declared or declared >= 2**62:  # the decoder ends where the file does
            patch = (size64_at, (size - sound.begin).to_bytes(8, "little"))
            return replace(whole, patches=(patch,)), size
    available = size - sound.begin
    if is_unknown(declared, layout.largest):
        if declared == 0 and _ends(file, sound.begin, size, layout):
            return whole, size  # it has no samples
        return _until_end(whole, sound, layout), size
    if declared in (size - begin, size - begin - 8):  # a writer that counted the header too
        return _until_end(whole, sound, layout), size
    if declared > available:
        raise cut_short(sound.begin + declared - begin, size - begin)
    end = min(size, _ends(file, sound.begin + declared, size, layout))
    if end:
        return Part(begin, end), end
    if _covers(file, begin, size, layout):
        return _until_end(whole, sound, layout), size
    raise stray(available - declared)


def _sound(file: BinaryIO, begin: int, layout: Layout) -> tuple[_Chunk | None, int, int]:
    """Return the chunk of samples, and the offset and value of RF64's 64-bit size of it."""
    at, size64_at, size64 = begin + layout.first, 0, 0
    while chunk := _chunk(file, at, layout):
        if chunk.name == b"ds64":
            size64_at = chunk.begin + 8
            size64 = int.from_bytes(read_at(file, size64_at, 8), "little")
        if chunk.name[:4] in layout.data:
            return chunk, size64_at, size64
        at = chunk.next
    return None, size64_at, size64


def _ends(file: BinaryIO, at: int, size: int, layout: Layout) -> int:
    """Return where the part ends whose samples end at `at`: 0 if other bytes follow than chunks.

    Raises:
        ContainerError: more samples follow in a chunk of their own.
    """
    at_even = at + -at % layout.alignment
    while at_even < size:
        for place in (at, at_even):  # some writers leave out the byte that pads to an even size
            if read_at(file, place, 4) in LAYOUTS:
                return place
        chunk = next(
            (
                chunk
                for place in (at_even, at)
                if (chunk := _chunk(file, place, layout)) and chunk.is_metadata(size)
            ),
            None,
        )
        if chunk is None:
            return at if is_padding(file, at, size) else 0
        if chunk.name[:4] in layout.data and chunk.size:
            raise ContainerError("damaged: its samples are in several chunks")
        at, at_even = chunk.begin + chunk.size, chunk.next
    return size


def _covers(file: BinaryIO, begin: int, size: int, layout: Layout) -> bool:
    """Whether the size of the file in its own header is absent or reaches its end."""
    if layout.first < 12:
        return False
    whole = _chunk(file, begin, layout)
    assert whole
    return is_unknown(whole.size, layout.largest) or whole.begin + whole.size + 1 >= size


def _until_end(part: Part, sound: _Chunk, layout: Layout) -> Part:
    size = part.end - (sound.size_at - len(sound.name) if layout.counts_head else sound.begin)
    text = layout.size_format.pack(min(size, layout.largest))
    return replace(part, patches=((sound.size_at, text),))
