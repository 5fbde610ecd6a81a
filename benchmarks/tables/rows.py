"""Rows of the CSV files in results/, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from tiny_audio_ssl.utils.files import read_rows

RESULTS = Path(__file__).parents[1] / "results"
ENCODERS = ("mobile", "separable")
Row = dict[str, str]


@cache
def rows(name: str) -> list[Row]:
    """Read a file of results."""
    return read_rows(RESULTS / f"{name}.csv")


def where(name: str, **conditions: str) -> list[Row]:
    """Return the rows of a file that have these values."""
    return [row for row in rows(name) if all(row[k] == v for k, v in conditions.items())]


def only(name: str, **conditions: str) -> Row:
    """Return the one row of a file that has these values."""
    (row,) = where(name, **conditions)
    return row


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    every = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in every)


def decimals(value: str | float, digits: int = 3) -> str:
    """Return a number with that many decimals; nothing for a number that is missing."""
    return "" if value == "" else f"{float(value):.{digits}f}"


def accuracy(value: str | float) -> str:
    """Return an accuracy without the leading zero, as `.843`."""
    return decimals(value).removeprefix("0")


def between(values: Iterable[str | float], digits: int = 1) -> str:
    """Return the lowest and the highest of some numbers, as `0.6 to 0.9`."""
    numbers = [float(value) for value in values]
    low, high = decimals(min(numbers), digits), decimals(max(numbers), digits)
    return low if low == high else f"{low} to {high}"
