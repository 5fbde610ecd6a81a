"""Python's garbage collector, out of the way of work that makes millions of long-lived objects."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collections_paused() -> Iterator[None]:
    """Collect no reference cycles until the block ends.

    The collector looks through all objects again whenever a quarter is new. While a graph is
    lowered that is a quarter of the time, and next to nothing of it can be freed.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
