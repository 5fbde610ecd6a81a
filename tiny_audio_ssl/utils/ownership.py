"""Whether a file may be written: never over an input, or over a file that is not ours.

Each writer says how it recognizes a file of its own: a key, a column, a mark that it puts there.
"""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import check_writable

MARK = "tiny-audio-ssl"  # in pages and pictures, with the command that writes them
HEAD_BYTES = 8192


def check_target(
    target: Path,
    is_ours: Callable[[Path], bool],
    inputs: Iterable[str | Path] = (),
    option: str = "--out",
) -> None:
    """Raise `UserError` if writing `target` would destroy something, or can't succeed.

    Args:
        is_ours: whether an existing file was written by an earlier run of the same kind. May raise
            anything about a file that it can't read, which is then not ours.
        inputs: files and folders that this run reads; words such as `builtin` do no harm.
        option: the option that names the target, for the message.
    """
    check_no_input(target, inputs, option)
    check_writable(target)
    if not os.path.lexists(target):
        return
    if target.exists() and not target.is_file():
        raise UserError(f"{target}: not a file; name a file to write with {option}")
    with contextlib.suppress(Exception):
        if target.stat().st_size == 0 or is_ours(target):  # nothing is lost with an empty file
            return
    raise UserError(
        f"{target}: already exists and was not written by this command, so it is not replaced; "
        f"move it away, or name another place with {option}"
    )


def check_no_input(target: Path, inputs: Iterable[str | Path], option: str = "--out") -> None:
    """Raise `UserError` if `target` is one of the inputs, by whatever name."""
    for given in inputs:
        if same(target, Path(given)):
            raise UserError(
                f"{target}: an input of this run ({given}), which is not replaced; name another "
                f"place with {option}"
            )


def check_distinct(outputs: Iterable[tuple[str, str]]) -> None:
    """Raise `UserError` if two of a run's outputs would have one name, even where case is ignored.

    `outputs`: what each is of, such as a task, and the name of its file or folder.
    """
    taken: dict[str, str] = {}
    for about, name in outputs:
        key = name.casefold()
        if key in taken:
            raise UserError(
                f"{taken[key]!r} and {about!r} would both be saved as {name}; rename one of them"
            )
        taken[key] = about


def same(one: Path, other: Path) -> bool:
    """Return whether both are there, and are the same file or folder."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def has_mark(text: str) -> Callable[[Path], bool]:
    """Return the test whether a page or picture has this text in its first bytes."""

    def is_marked(path: Path) -> bool:
        with path.open("rb") as file:
            return text.encode() in file.read(HEAD_BYTES)

    return is_marked


def mark(command: str) -> str:
    """Return the text by which a command recognizes its own files: `tiny-audio-ssl report`."""
    return f"{MARK} {command}"


def has_columns(*columns: str) -> Callable[[Path], bool]:
    """Return the test whether a CSV file begins with these columns."""

    def is_table(path: Path) -> bool:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(next(csv.reader(file)))[: len(columns)] == columns

    return is_table
