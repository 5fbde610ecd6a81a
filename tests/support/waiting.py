"""Waiting for other processes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 240  # on a busy machine


def wait_for(condition: Callable[[], object], report: Callable[[], str] = lambda: "") -> None:
    """Wait until the condition holds; after PATIENCE_S, fail with what `report` says."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, report()
        time.sleep(0.1)
