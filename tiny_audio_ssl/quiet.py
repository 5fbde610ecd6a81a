"""Keeping C libraries from writing to the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_lock = threading.Lock()


@contextlib.contextmanager
def native_stderr_hidden() -> Iterator[None]:
    """Send file descriptor 2 nowhere: mpg123 and ExecuTorch write there past Python.

    What another thread writes to stderr in that moment is lost too; keep the block short.
    """
    if sys.__stderr__ is None:  # then 2 is any file, even the one about to be read
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
