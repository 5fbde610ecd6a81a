"""Things that several test processes need and that take seconds to make: made once, by one."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

Made = TypeVar("Made")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """Return `make(folder)`, called by the first pytest-xdist worker that asks for `name`.

    Args:
        name: of the folder, and of the thing.
        make: fills the empty folder; its result must be picklable.

    Whoever gets it must leave the folder as it is, and copy what it changes.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, result = shared / name, shared / f"{name}.pickle"
    with FileLock(shared / f"{name}.lock"):
        if not result.is_file():
            folder.mkdir()
            result.write_bytes(pickle.dumps(make(folder)))
    found: Made = pickle.loads(result.read_bytes())
    return found
