"""Read what `bench --csv` wrote on another day, in this version or another."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import POSITIVE
from tiny_audio_ssl.utils.written_by import unreadable

VERSION = "tiny_audio_ssl"  # column of the version that timed
_OPTIONAL = ("typical_gflops",)  # numbers that are read if they are there


def read_saved(
    path: Path, columns: Sequence[str], times: Sequence[str], again: str
) -> list[dict[str, str]]:
    """Return the lines of the file, which has at least these columns.

    Args:
        times: columns that hold a positive number in every line.
        again: how to write the file again, for the message.

    Raises `UserError`: no such file, no table of times, or one that another version wrote.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: can't be read ({error})") from error
    wanted = [*columns, *times]
    missing = [name for name in wanted if lines and name not in lines[0]]
    if not lines or (missing and VERSION not in lines[0]):
        raise UserError(f"{path}: no times in it; {again}")
    for number, line in enumerate(lines, start=2):
        filled = [*times, *(name for name in _OPTIONAL if line.get(name))]
        wrong = missing or [name for name in filled if not _is_positive(line[name])]
        if wrong:
            found = (
                f"no column {wrong[0]}"
                if missing
                else f"line {number} has {line[wrong[0]]!r} as {wrong[0]}"
            )
            reads = f"the columns {', '.join(wanted)}"
            raise UserError(unreadable(path, found, reads, _writer(line)))
    return lines


def _is_positive(text: str | None) -> bool:
    try:
        return float(text or "") in POSITIVE
    except ValueError:
        return False


def _writer(line: Mapping[str, str]) -> object:
    return {"versions": {"tiny-audio-ssl": line.get(VERSION) or None}}
