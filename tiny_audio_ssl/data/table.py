"""Read users' CSV tables: any column names and any text in the cells, in UTF-8.

Columns that ask for a part of a file are found by their name, in any spelling: `start`, `Begin Time
(s)`, `offset` with `duration`, `end_ms`. What a table asks for and can't have is an error.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MS = ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds")
SECONDS = ("", "s", "sec", "secs", "second", "seconds")
OTHER_UNITS = ("sample", "samples", "frame", "frames", "min", "minutes", "h", "hours", "us")
TIME = re.compile(
    "(?P<word>start|begin|onset|offset|end|stop|duration)_?(?:time|at)?"
    f"_?(?P<unit>{'|'.join((*SECONDS[1:], *MS, *OTHER_UNITS))})?"
)
SAMPLE_RATE = re.compile("(sample|sampling)_?(rate|frequency)(_?hz)?|sr")
CHANNEL = re.compile("channel(_?(index|number|id))?")
AGREE_S = 0.01  # how far a duration may be from the time between start and end
RENAME = "rename the column if it means something else"


class TableError(Exception):
    """A table that can't be used: the `reason` in a few words, and `advice`."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True)
class Row:
    """The cells of a row by column, the line of the file it begins on, and why it is unusable."""

    line: int
    cells: Mapping[str, str]
    problem: str = ""


def read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Return the names of the columns and the rows; rows without any text are left out.

    Nameless columns with text in them are named by their place, `column 1`.

    Raises:
        TableError: not a CSV in UTF-8, or two columns of one name.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(_lines(csv.reader(file, strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        if "field limit" in str(error):
            raise TableError(
                f"a cell has more than {csv.field_size_limit():,} characters",
                "leave that column out",
            ) from error
        raise TableError(
            f"not a CSV in UTF-8 ({error})", "save it as one (in Excel: CSV UTF-8)"
        ) from error
    header = [name.strip() for name in lines[0][1]] if lines else []
    if any("\0" in name for name in header):
        raise TableError("not a CSV in UTF-8 (it has zero bytes, as UTF-16 has)", "save it as one")
    used = [i for i, name in enumerate(header) if name or _has_text(lines[1:], i)]
    names = [header[i] or f"column {i + 1}" for i in used]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"two columns are named {name!r}", "give each a name of its own")
    rows = []
    for line, cells in lines[1:]:
        padded = [*cells, *[""] * (len(header) - len(cells))]
        problem = "more cells than columns" if any(cells[len(header) :]) else ""
        if problem or any(map(str.strip, cells)):
            by_name = {name: padded[i] for name, i in zip(names, used, strict=True)}
            rows.append(Row(line, by_name, problem))
    return names, rows


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row with the line that it begins on."""
    begin = 1
    for cells in reader:
        yield begin, cells
        begin = reader.line_num + 1  # type: ignore[attr-defined]


def _has_text(lines: Sequence[tuple[int, list[str]]], index: int) -> bool:
    return any(len(cells) > index and cells[index].strip() for _, cells in lines)


# --- what columns ask for ---------------------------------------------------------------------


@dataclass(frozen=True)
class Requests:
    """The columns of a table that ask for something, by what they ask for."""

    start: Mapping[str, float] = field(default_factory=dict)  # name: seconds of its unit
    end: Mapping[str, float] = field(default_factory=dict)
    duration: Mapping[str, float] = field(default_factory=dict)
    sample_rate: Sequence[str] = ()
    channel: Sequence[str] = ()

    @classmethod
    def of(cls, names: Sequence[str]) -> Requests:
        """Find the columns. Raises `TableError` for times in a unit other than s and ms."""
        found: dict[str, dict[str, float]] = {"start": {}, "end": {}, "duration": {}}
        spelled = {name: _plain(name) for name in names}
        matches = {name: TIME.fullmatch(plain) for name, plain in spelled.items()}
        has_onset = any(match and match["word"] == "onset" for match in matches.values())
        for name, match in matches.items():
            if match is None:
                continue
            word, unit = match["word"], match["unit"] or ""
            if unit in OTHER_UNITS:
                raise TableError(
                    f"column {name!r} gives times in {unit}",
                    f"expected seconds in start_s and end_s; {RENAME}",
                )
            role = "end" if word in ("end", "stop") or (word == "offset" and has_onset) else "start"
            role = "duration" if word == "duration" else role
            found[role][name] = 1e-3 if unit in MS else 1.0
        return cls(
            **found,
            sample_rate=[n for n, plain in spelled.items() if SAMPLE_RATE.fullmatch(plain)],
            channel=[n for n, plain in spelled.items() if CHANNEL.fullmatch(plain)],
        )

    @property
    def times(self) -> set[str]:
        """Names of the columns that give a part of a file."""
        return {*self.start, *self.end, *self.duration}

    def part(self, cells: Mapping[str, str]) -> tuple[float, float | None]:
        """Return start and end in seconds. Raises `ValueError` where cells contradict."""
        start_s = _seconds(cells, self.start) or 0.0
        end_s = _seconds(cells, self.end)
        duration_s = _seconds(cells, self.duration)
        if duration_s is not None:
            summed_s = start_s + duration_s
            if end_s is None:
                end_s = summed_s
            elif abs(summed_s - end_s) > AGREE_S:
                raise ValueError(
                    f"a duration of {duration_s:g} s from {start_s:g} s ends at {summed_s:g} s, "
                    f"but the end is {end_s:g} s; correct one, or {RENAME}"
                )
        if end_s is not None and end_s <= start_s:
            raise ValueError(f"ends at {end_s:g} s, not after its start at {start_s:g} s")
        return start_s, end_s

    def check_format(self, cells: Mapping[str, str], rate_hz: int, channels: int) -> None:
        """Raise `ValueError` for a sample rate or a channel that the file does not have alone."""
        for name in self.sample_rate:
            wanted = _number(cells[name])
            if math.isfinite(wanted) and wanted not in (rate_hz, rate_hz / 1000):
                raise ValueError(
                    f"{name} is {cells[name].strip()}, but the file has {rate_hz} Hz; leave the "
                    f"cell empty, or {RENAME}"
                )
        for name in self.channel:
            text = cells[name].strip()
            asks = text.isdecimal() or text.casefold() in ("left", "right", "l", "r")
            if asks and (channels > 1 or text not in ("0", "1")):
                raise ValueError(
                    f"{name} is {text}, but channels are averaged, and this file has {channels}; "
                    f"write one to a file of its own (sox IN OUT.flac remix 1), or {RENAME}"
                )


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.casefold()).strip("_")


def _seconds(cells: Mapping[str, str], columns: Mapping[str, float]) -> float | None:
    given: dict[str, float] = {}
    for name, unit_s in columns.items():
        if text := cells[name].strip():
            value = _number(text)
            if not 0 <= value < math.inf:
                unit = "seconds such as 1.5" if unit_s == 1 else "milliseconds such as 1500"
                raise ValueError(f"{name} is {text!r}, expected {unit}")
            given[name] = value * unit_s
    if given and max(given.values()) - min(given.values()) > AGREE_S:
        listed = " but ".join(f"{name} is {cells[name].strip()}" for name in given)
        raise ValueError(f"{listed}; keep one, or {RENAME}")
    return next(iter(given.values()), None)


def _number(text: str) -> float:
    try:
        return math.nan if "_" in text else float(text)  # Python reads 1_5 as 15
    except ValueError:
        return math.nan
