"""Atomic writing: files and folders appear whole, or not at all. And short names for folders."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Raise `UserError` where a disk is full, read-only or not permitted."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"{target}: no space left to write it; free some or name another place with --out"
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise UserError(f"{target}: cannot be written ({error.strerror})") from error
        raise


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `target` if the block raises nothing."""
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield work
            for file in work.rglob("*"):
                _sync(file)
            work.chmod(0o755)
            old = None
            if target.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
                os.rename(target, old)
            os.rename(work, target)
            _sync(target.parent)
            if old is not None:
                shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise


@contextlib.contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `target` if the block raises nothing."""
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Keep the suffix: writers such as numpy.save choose the format by it.
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
        work = Path(name)
        try:
            yield work
            _sync(work)
            work.chmod(0o644)
            os.replace(work, target)
        except BaseException:
            work.unlink(missing_ok=True)
            raise


def write_rows(target: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file with a line for each row, and a column for each key of any row."""
    lines = list(rows)
    columns = list(dict.fromkeys(name for line in lines for name in line))
    with atomic_file(target) as work, work.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)


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
