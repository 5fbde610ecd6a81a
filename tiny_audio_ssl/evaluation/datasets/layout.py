"""Reading what a dataset's archive holds. Whatever is not as published is a `LayoutError`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

_MOST = 5


class LayoutError(Exception):
    """What is wrong with a folder; `Dataset.corpus` adds what to download and where to put it."""


def home(root: Path, folder: str, marker: str) -> Path:
    """The folder with `marker` in it: `root`/`folder` as the archive unpacks, or `root` itself."""
    for place in (root / folder, root):
        if (place / marker).exists():
            return place
    raise LayoutError(f"{folder}/{marker} is not there")


def files(folder: Path, *patterns: str) -> list[Path]:
    """Sorted files by pattern, without hidden ones (such as the `._x.wav` that macOS leaves)."""
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in found if not path.name.startswith("."))


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty, without the spaces around them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise LayoutError(f"{path.name} is not there (looked for {path})") from error
    except UnicodeDecodeError as error:
        raise LayoutError(f"{path} is not text in UTF-8 ({error})") from error
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


def table(
    path: Path,
    columns: Sequence[str],
    delimiter: str = ",",
    header: bool = True,
) -> list[dict[str, str]]:
    """Rows of a delimited file as dictionaries of text.

    Args:
        columns: those that must be there; with `header` False, what its columns are.
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
            raise LayoutError(f"{path}, row {number}: nothing in column {listed(empty)}")
    return rows


def listed(names: Sequence[str]) -> str:
    """A few of them, and how many more."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
