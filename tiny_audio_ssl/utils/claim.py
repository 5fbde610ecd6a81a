"""Claims: a folder belongs to one process at a time, from before it writes until it ends.

A claim is a locked file, which the system unlocks when its owner dies, however it dies. What the
file says about its owner is only for the message to others.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import explained

CLAIM = ".claim"


@contextlib.contextmanager
def claimed(folder: Path, name: str = CLAIM) -> Iterator[None]:
    """Hold a folder that grows, such as a run's, while the block runs. It is made if need be.

    Raises `UserError` if another process, or thread, holds it.
    """
    made = not folder.exists()
    try:
        with _held(folder / name, folder):
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # if nothing was written


@contextlib.contextmanager
def claimed_target(target: Path) -> Iterator[None]:
    """Hold a folder that will appear whole, such as an export's, while the block runs.

    The claim is beside it. Raises `UserError` if another process, or thread, holds it.
    """
    place = target.resolve()
    with _held(place.parent / f".{place.name}{CLAIM}", target):
        yield


@contextlib.contextmanager
def _held(file: Path, folder: Path) -> Iterator[None]:
    lock = FileLock(file, timeout=0, thread_local=False)
    with explained(folder):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise UserError(
                f"{folder}: in use by {_owner(file)}; wait until it ends, or name another folder "
                "with --out"
            ) from None
    try:
        with explained(folder):
            file.write_text(json.dumps(_about_us()))
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps a file that is open; it does no harm
            file.unlink(missing_ok=True)
        lock.release()


def _about_us() -> dict[str, object]:
    started = datetime.fromtimestamp(psutil.Process().create_time())
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": started.isoformat(timespec="seconds"),
    }


def _owner(file: Path) -> str:
    try:
        about = json.loads(file.read_text())
        return "process {pid} on {host}, started {started}".format(**about)
    except (OSError, ValueError, KeyError, TypeError):  # it has not written that yet
        return "another process"
