"""Helpers that read a dataset's folder. Anything not as published raises `LayoutError`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

_MOST = 5


class LayoutError(Exception):
    """A folder not laid out as published; `Dataset.corpus` adds what to download to where."""


def home(root: Path, folder: str, marker: str) -> Path:
    """Return the folder that holds `marker`: `root`/`folder`, as unpacked, or `root` itself."""
    for place in (root / folder, root):
        if (place / marker).exists():
            return place
    raise LayoutError(f"{folder}/{marker} is missing")


def files(folder: Path, *patterns: str) -> list[Path]:
    """Return the files that match, sorted, without hidden ones (macOS leaves `._x.wav`)."""
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in found if not path.name.startswith("."))


def lines(path: Path) -> list[str]:
    """Return the lines of a text file that are not blank, stripped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise LayoutError(f"{path.name} is missing (looked for {path})") from error
    except UnicodeDecodeError as error:
        raise LayoutError(f"{path} is not UTF-8 text ({error})") from error
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


def table(
    path: Path,
    columns: Sequence[str],
    delimiter: str = ",",
    header: bool = True,
) -> list[dict[str, str]]:
    """Return the rows of a delimited file as dictionaries of text.

    Args:
        columns: columns that the file must have; with `header` False, all of its columns.

    Raises:
        LayoutError: the file or a column is missing, it has no rows, or a cell is empty.
    """
    text = lines(path)
    names = None if header else list(columns)
    reader = csv.DictReader(text, names, delimiter=delimiter, restval="")
    found = reader.fieldnames or []
    if absent := [name for name in columns if name not in found]:
        raise LayoutError(
            f"{path} has no column {listed(absent)}; its first line holds {', '.join(found)}"
        )
    rows = [{name: row[name].strip() for name in columns} for row in reader]
    if not rows:
        raise LayoutError(f"{path} has no rows")
    for number, row in enumerate(rows, start=1 + header):
        if empty := [name for name in columns if not row[name]]:
            raise LayoutError(f"{path}, row {number}: column {listed(empty)} is empty")
    return rows


def listed(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
