"""Keeping libraries from writing to the terminal.

What they write can be discarded only for the whole process: by file descriptor 2, `sys.stdout`, the
warning filters and the level of logging. So nothing is discarded while threads of someone else's
program are running: in the program `tiny-audio-ssl`, and elsewhere where there is one thread only.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator

TQDM_MONITOR = "tqdm_monitor"  # a thread that redraws bars, which loses nothing of worth

_lock = threading.Lock()
_program = False  # whether this process is the program `tiny-audio-ssl`


@contextlib.contextmanager
def as_program() -> Iterator[None]:
    """Let the block be the program `tiny-audio-ssl`, all of whose threads are its own."""
    global _program
    before, _program = _program, True
    try:
        yield
    finally:
        _program = before


@contextlib.contextmanager
def native_stderr_hidden() -> Iterator[None]:
    """Discard what is written to file descriptor 2, where mpg123 and ExecuTorch print past Python.

    Does nothing beside threads of another program, whose output would be lost too.
    """
    # Without sys.__stderr__, descriptor 2 may be any file, even the one to be read.
    if sys.__stderr__ is None or not _alone():
        yield
        return
    with _lock:
        kept = os.dup(2)
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def executorch_hushed() -> Iterator[None]:
    """Discard what ExecuTorch prints, also through `sys.stderr`.

    That may lead elsewhere than to file descriptor 2: in a terminal, a progress bar replaces it.
    Does nothing beside threads of another program, whose output would be lost too.
    """
    if not _alone():
        yield
        return
    with native_stderr_hidden(), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def exporters_hushed() -> Iterator[None]:
    """Discard what exporters print and warn about, which a user can't change.

    Does nothing beside threads of another program, whose output would be lost too.
    """
    if not _alone():
        yield
        return
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _alone() -> bool:
    others = [t for t in threading.enumerate() if t.name != TQDM_MONITOR]
    return _program or len(others) == 1  # this one


def _renew_lock() -> None:
    """Make a new lock in a forked process: no thread is left there that could release the old."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)
