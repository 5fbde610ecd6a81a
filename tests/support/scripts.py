"""Benchmark scripts as modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from support.paths import ROOT

BENCHMARKS = ROOT / "benchmarks"


@contextmanager
def imported(*names: str, folder: Path = BENCHMARKS) -> Iterator[tuple[ModuleType, ...]]:
    """Import scripts as they are run, with their folder on the path, and forget them afterwards,
    with all that they import from it."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield tuple(map(importlib.import_module, names))
    for name in set(sys.modules) - before:
        if folder in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
            del sys.modules[name]
