"""Keeping libraries from writing to the terminal."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator

_lock = threading.Lock()


@contextlib.contextmanager
def native_stderr_hidden() -> Iterator[None]:
    """Discard what is written to file descriptor 2, where mpg123 and ExecuTorch print past Python.

    Output of other threads to stderr is lost too while the block runs, so keep it short.
    """
    if sys.__stderr__ is None:  # then descriptor 2 may be any file, even the one to be read
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
def exporters_hushed() -> Iterator[None]:
    """Discard what exporters print and warn about, which a user can't change."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
