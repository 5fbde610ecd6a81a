"""Runs and results of an earlier start, so that benchmarks can be continued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tiny_audio_ssl.models import checkpoint

T = TypeVar("T")


def is_trained(run: Path, steps: int) -> bool:
    """Return whether a run has been trained for `steps` steps, so that it needs no more."""
    return (run / "last").exists() and checkpoint.load(run).progress["step"] >= steps


def kept(
    out: Path,
    what: Sequence[Any],
    measure: Callable[[], T],
    write: Callable[[Path, T], Any],
    read: Callable[[Path], T],
) -> T:
    """Return the result of an earlier start, or measure it and write it below OUT/scores.

    Args:
        what: a name, and all that the result depends on, to be written as JSON.
    """
    key = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]
    file = out / "scores" / f"{what[0]}-{key}.json"
    if not file.exists():
        write(file, measure())
    return read(file)
