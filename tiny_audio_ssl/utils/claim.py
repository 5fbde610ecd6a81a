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
DEAD_OWNER_S = 10.0


@contextlib.contextmanager
def claimed(folder: Path, name: str = CLAIM, option: str = "--out") -> Iterator[None]:
    """Hold a folder that grows, such as a run's, while the block runs. It is made if need be.

    `option`: the option that names the folder, for the message.

    Raises `UserError` if another process, or thread, holds it.
    """
    made = not folder.exists()
    try:
        with _held(folder / name, folder, option):
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # if nothing was written


@contextlib.contextmanager
def claimed_target(target: Path, option: str = "--out") -> Iterator[None]:
    """Hold a file or folder that will appear whole, such as an export's, while the block runs.

    The claim is beside it. Raises `UserError` if another process, or thread, holds it.
    """
    place = target.resolve()
    with _held(place.parent / f".{place.name}{CLAIM}", target, option):
        yield


@contextlib.contextmanager
def _held(file: Path, folder: Path, option: str) -> Iterator[None]:
    lock = FileLock(file, timeout=0, thread_local=False)
    with explained(folder):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            _acquire(lock, file)
        except Timeout:
            raise UserError(
                f"{folder}: in use by {_owner(file)}; wait until it ends, or name another place "
                f"with {option}"
            ) from None
    try:
        with explained(folder):
            file.write_text(json.dumps(_about_us()))
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps a file that is open; it does no harm
            file.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, file: Path) -> None:
    """Take the lock; wait a moment for what a dead owner has forked, which lets go of it too."""
    try:
        lock.acquire()
    except Timeout:
        if not _is_dead(file):
            raise
        lock.acquire(timeout=DEAD_OWNER_S)
    while not _is_there(lock):  # an owner has removed the file since we opened it
        lock.release()
        lock.acquire()


def _is_there(lock: FileLock) -> bool:
    """Tell whether the file that is locked is the one that others will find by its name."""
    descriptor = lock._context.lock_file_fd  # filelock has no public way to it
    try:
        return os.path.samestat(os.fstat(descriptor or -1), os.stat(lock.lock_file))
    except FileNotFoundError:
        return False


def _is_dead(file: Path) -> bool:
    """Tell whether the owner that the file names was a process of this machine that has ended."""
    try:
        about = json.loads(file.read_text())
        ours = bool(about["host"] == socket.gethostname())
        return ours and _started(psutil.Process(about["pid"])) != str(about["started"])
    except psutil.NoSuchProcess:
        return True
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return False


def _about_us() -> dict[str, object]:
    process = psutil.Process()
    return {"pid": process.pid, "host": socket.gethostname(), "started": _started(process)}


def _started(process: psutil.Process) -> str:
    return datetime.fromtimestamp(process.create_time()).isoformat(timespec="seconds")


def _owner(file: Path) -> str:
    try:
        about = json.loads(file.read_text())
        return "process {pid} on {host}, started {started}".format(**about)
    except (OSError, ValueError, KeyError, TypeError):  # it has not written that yet
        return "another process"
