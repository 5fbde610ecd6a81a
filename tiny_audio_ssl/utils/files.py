"""Atomic writing: files and folders appear whole, or not at all. And short names for folders."""

from __future__ import annotations

import contextlib
import csv
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FULL_OR_READ_ONLY = {*NO_SPACE, errno.EROFS}
_LONGEST_PREFIX = 40  # characters of up to four bytes, of 255 bytes that a name may have
# Errors of waiting for something else than a disk.
_NOT_OF_A_DISK = (ConnectionError, ChildProcessError, InterruptedError, TimeoutError)
# Libraries that write outside Python put the system's words into exceptions of their own.
_WORDS = {os.strerror(number): number for number in FULL_OR_READ_ONLY}
# What NumPy and libsndfile say of a write that failed, without the system's reason.
_WROTE_LESS = re.compile(r"\d+ requested and \d+ written|^System error[.]$")


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Raise `UserError` where `target` can't be written: a full disk, a quota, no permission.

    Also for the exceptions that safetensors, Arrow, NumPy and others have for this.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if reason := _reason(error, target):
            raise UserError(reason) from error
        raise


def _reason(error: Exception, target: Path) -> str | None:
    """Return why a file can't be written, or None if the error is about something else."""
    number = system_error(error)
    if number is None:
        return None
    if number in NO_SPACE:
        return (
            f"{target}: no space left to write it; free some, or name another place with --out "
            "(with --cache-dir for the cache)"
        )
    why = os.strerror(number)
    name = error.filename if isinstance(error, OSError) else None
    if isinstance(name, str) and not _belongs(Path(name).absolute(), target.absolute()):
        return f"{name}: {why.lower()}, while {target} was written"
    return f"{target}: cannot be written ({why}); name a place that can be written"


def _belongs(path: Path, target: Path) -> bool:
    return path.is_relative_to(target.parent) or target.is_relative_to(path)


def system_error(error: BaseException) -> int | None:
    """Return the errno of a failed write, which a library may have put into words."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, _NOT_OF_A_DISK):
        return error.errno
    if isinstance(error, (OSError, RuntimeError)) and _WROTE_LESS.search(str(error)):
        return errno.ENOSPC
    for words, meant in _WORDS.items():
        if words in str(error):
            return meant
    cause = error.__cause__ or error.__context__
    number = system_error(cause) if cause else None
    return number if number in FULL_OR_READ_ONLY else None


@contextlib.contextmanager
def atomic_folder(target: Path, replaces: Iterable[str] | None = None) -> Iterator[Path]:
    """Yield a temporary folder that replaces `target` if the block raises nothing.

    Args:
        replaces: files in `target`, by their paths within it, that an earlier call wrote. All
            others are kept. None: nothing of the old folder is kept.

    Raises `UserError`: `target` can't be written, or a file to be kept has the name of a new one.
    """
    with explained(target):
        place = target.resolve()  # of a link, what it points to
        place.parent.mkdir(parents=True, exist_ok=True)
        if replaces is not None:
            _bring_back(place)
        work = Path(tempfile.mkdtemp(prefix=_prefix(place.name), dir=place.parent))
        try:
            yield work
            for file in work.rglob("*"):
                _sync(file)
            if replaces is not None and place.is_dir():
                _keep_others(place, work, set(replaces))
            work.chmod(0o755)
            _exchange(place, work)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise


def _keep_others(old: Path, new: Path, replaced: Container[str]) -> None:
    """Link, or copy, into `new` what is in `old` and not `replaced`."""
    for folder, folders, files in os.walk(old):
        within = Path(folder).relative_to(old)
        links = [name for name in folders if (old / within / name).is_symlink()]
        for name in [*files, *links]:
            relative = within / name
            if relative.as_posix() in replaced:
                continue
            if os.path.lexists(new / relative):
                raise UserError(
                    f"{old / relative}: not written by an earlier run, so it is not replaced; "
                    "move it away, or name another folder with --out"
                )
            (new / within).mkdir(parents=True, exist_ok=True)
            _link(old / relative, new / relative)
        if not folders and not files:
            (new / within).mkdir(parents=True, exist_ok=True)


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(old, new, follow_symlinks=False)


def _bring_back(place: Path) -> None:
    """Put a folder back that a process was killed while exchanging, with what others put there."""
    kept = sorted(place.parent.glob(glob.escape(_prefix(place.name) + "old.") + "*"))
    if kept and not os.path.lexists(place):
        os.rename(kept[-1], place)


def _exchange(place: Path, work: Path) -> None:
    """Put the folder `work` in place of `place`, or leave `place` as it was."""
    old = None
    if place.exists():
        old = Path(tempfile.mkdtemp(prefix=_prefix(place.name) + "old.", dir=place.parent))
        os.rename(place, old)
    try:
        os.rename(work, place)
    except BaseException:
        if old is not None:
            os.rename(old, place)
        raise
    _sync(place.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `target` if the block raises nothing.

    Raises `UserError`: `target` can't be written, or is a folder, a device or a pipe.
    """
    with explained(target):
        place = target.resolve()  # of a link, what it points to
        if place.exists() and not place.is_file():
            raise UserError(f"{target}: not a file; name a file to write")
        place.parent.mkdir(parents=True, exist_ok=True)
        work = _temporary(place, place.parent)
        try:
            yield work
            _sync(work)
            work.chmod(0o644)
            os.replace(work, place)
        except BaseException:
            work.unlink(missing_ok=True)
            raise


def check_writable(target: Path) -> None:
    """Raise `UserError` unless a file or folder could be made at `target` now.

    For before the work: nothing is left behind, and a disk may be full by the end of it.
    """
    with explained(target):
        place = target.resolve()  # of a link, what it points to
        with contextlib.suppress(FileNotFoundError):
            place.lstat()  # a name that is too long, a file in place of a folder
        parent = next(folder for folder in place.parents if folder.exists())
        _temporary(place, parent).unlink()


def _temporary(place: Path, folder: Path) -> Path:
    """Make an empty file in `folder` with the suffix of `place`, by which writers such as
    numpy.save choose the format."""
    handle, name = tempfile.mkstemp(prefix=_prefix(place.stem), suffix=place.suffix, dir=folder)
    os.close(handle)
    return Path(name)


def _prefix(name: str) -> str:
    """Return how temporary names begin; not all of a long name, which would become too long."""
    return f".{name[:_LONGEST_PREFIX]}."


def write_rows(target: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file with a line for each row, and a column for each key of any row."""
    lines = list(rows)
    columns = list(dict.fromkeys(name for line in lines for name in line))
    with atomic_file(target) as work, work.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)


def read_rows(source: Path) -> list[dict[str, str]]:
    """Read a CSV file in UTF-8 with a header: a dictionary of texts for each line."""
    with source.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_json(target: Path, value: Any, indent: int | None = 2) -> None:
    """Write a JSON file, atomically."""
    with atomic_file(target) as work:
        work.write_text(json.dumps(value, indent=indent) + "\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the last part of each path, and as many more parts as make the names differ."""
    parts = [folder.absolute().parts for folder in folders]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(one[-depth:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    raise UserError("a run was given twice; give each once")


def _sync(path: Path) -> None:
    if os.name == "nt":  # opens no folder, and syncs no file that is open for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
