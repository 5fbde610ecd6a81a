"""Rows of the CSV files in results/, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t

from tiny_audio_ssl.utils.files import read_rows

RESULTS = Path(__file__).parents[1] / "results"
ENCODERS = ("mobile", "separable")
Row = dict[str, str]
FEWEST_SEEDS = 3  # for an interval


@cache
def rows(name: str) -> list[Row]:
    """Read a file of results."""
    return read_rows(RESULTS / f"{name}.csv")


def exist(name: str) -> bool:
    """Return whether a file of results is there; sections of others are left out."""
    return (RESULTS / f"{name}.csv").exists()


def where(name: str, **conditions: str) -> list[Row]:
    """Return the rows of a file that have these values."""
    return [row for row in rows(name) if all(row[k] == v for k, v in conditions.items())]


def only(name: str, **conditions: str) -> Row:
    """Return the one row of a file that has these values."""
    (row,) = where(name, **conditions)
    return row


def kilobytes(size: str) -> str:
    """Return a size in kB; nothing for a model that has no file."""
    return f"{float(size) / 1000:.0f}" if float(size or 0) else ""


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


def over_seeds(values: Iterable[str | float]) -> str:
    """Return the mean of accuracies, as `.843`; of three or more with the half-width of its 95 %
    interval by Student's t, as `.843 ± .012`; nothing of none."""
    numbers = [float(value) for value in values]
    count = len(numbers)
    if not count:
        return ""
    if count < FEWEST_SEEDS:
        return accuracy(mean(numbers))
    half = t.ppf(0.975, count - 1) * stdev(numbers) / count**0.5
    return f"{accuracy(mean(numbers))} ± {accuracy(float(half))}"


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence has them: `a`, `a and b`, `a, b and c`; "none" for none."""
    *before, last = list(names) or ["none"]
    return f"{', '.join(before)} and {last}" if before else last
