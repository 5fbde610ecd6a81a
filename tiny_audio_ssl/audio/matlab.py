"""The matrices of MATLAB files, versions 4 and 5: a sample rate, then the samples of it."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from tiny_audio_ssl.audio.parts import Part, cut_short, is_padding, read_at, stray

_BYTES_PER_VALUE = (8, 4, 4, 2, 2, 1)  # of version 4, by the third digit of a matrix's type
_MATRIX = 14  # element of version 5
_HEADER_BYTES = 128  # of version 5
_FIELDS = 4  # of a matrix of version 5: flags, dimensions, name, values


class _Matrix(NamedTuple):
    end: int  # of its values
    next: int  # where another matrix may begin


def matlab_parts(file: BinaryIO, size: int) -> list[Part]:
    """Return a part for each sample rate and its samples: files that were joined have several.

    Raises:
        ContainerError: shorter than its matrices say, or other bytes follow.
    """
    parts: list[Part] = []
    begin = 0
    while begin < size:
        sound = _second_matrix(file, begin)
        if sound is None:  # the decoder says what is wrong
            return [*parts, Part(begin, size)]
        if sound.end > size:
            raise cut_short(sound.end - begin, size - begin)
        parts.append(Part(begin, sound.end))
        # Some writers leave out the bytes that pad the values.
        starts = [at for at in (sound.end, sound.next) if _is_start(file, at)]
        if not starts and not is_padding(file, sound.end, size):
            raise stray(size - sound.end)
        begin = starts[0] if starts else size
    return parts


def _is_start(file: BinaryIO, at: int) -> bool:
    head = read_at(file, at, 32)
    return head.startswith(b"MATLAB") or head[20:30] == b"samplerate"


def _second_matrix(file: BinaryIO, begin: int) -> _Matrix | None:
    if read_at(file, begin, 6) == b"MATLAB":
        order = "<" if read_at(file, begin + 126, 2) == b"IM" else ">"
        first = _matrix_5(file, begin + _HEADER_BYTES, order)
        return first and _matrix_5(file, first.next, order)
    order = ">" if read_at(file, begin, 4) == b"\0\0\x03\xe8" else "<"
    first = _matrix_4(file, begin, order)
    return first and _matrix_4(file, first.next, order)


def _matrix_4(file: BinaryIO, at: int, order: str) -> _Matrix | None:
    head = read_at(file, at, 20)
    if len(head) < 20:
        return None
    kind, rows, columns, is_complex, name_bytes = struct.unpack(f"{order}5I", head)
    digit = kind // 10 % 10
    if kind > 9999 or is_complex or digit >= len(_BYTES_PER_VALUE):
        return None
    end = at + 20 + name_bytes + rows * columns * _BYTES_PER_VALUE[digit]
    return _Matrix(end, end)


def _matrix_5(file: BinaryIO, at: int, order: str) -> _Matrix | None:
    head = read_at(file, at, 8)
    kind, size = struct.unpack(f"{order}II", head) if len(head) == 8 else (0, 0)
    if kind != _MATRIX:
        return None
    field, end = at + 8, at + 8
    for _ in range(_FIELDS):
        head = read_at(file, field, 8)
        if len(head) < 8:
            return _Matrix(at + 8 + size, at + 8 + size)
        kind, count = struct.unpack(f"{order}II", head)
        if kind >> 16:  # a field of four bytes or fewer
            field, end = field + 8, field + 4 + (kind >> 16)
        else:
            end = field + 8 + count
            field = end + -count % 8
    return _Matrix(end, field)
