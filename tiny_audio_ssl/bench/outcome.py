"""The one JSON line that the C++ runner prints, and that the Android app writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """What to run, and how."""

    artifact: Path  # .pte or .onnx
    audio_ms: float  # of new sound for each run: the window, or the packet of a stream
    pcm: Path | None = None  # raw little-endian float32; noise if None
    threads: int = 1
    cpus: tuple[int, ...] = ()  # to run on; empty: wherever the system puts it
    stream: bool = False  # packet by packet, with state
    runs: int = 200
    warm_up: int = 20  # runs before them that do not count
    embedding: bool = False  # bring the last run's first output

    @property
    def runtime(self) -> str:
        return "executorch" if self.artifact.suffix == ".pte" else "onnxruntime"


@dataclass(frozen=True)
class Outcome:
    """One start of the runner. Times in milliseconds."""

    runtime: str
    runtime_version: str
    artifact: str
    abi: str
    cpu_model: str
    threads: int
    cpus: tuple[int, ...] | None
    stream: bool
    load_ms: float
    first_ms: float
    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    min_ms: float
    mean_ms: float
    peak_rss_kb: int
    checksum: str  # FNV-1a 64 of the output's bytes
    samples_ms: tuple[float, ...] = ()
    output: tuple[float, ...] = ()  # only on request


class NotAnOutcome(ValueError):
    """The text is not one line of that JSON."""


def parse(text: str) -> Outcome:
    """Read one outcome; keys that are not known are left alone. Raises `NotAnOutcome`."""
    if not text.strip():
        raise NotAnOutcome("nothing")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NotAnOutcome(f"no JSON: {text[:200]!r}") from error
    if not isinstance(found, dict):
        raise NotAnOutcome(f"no JSON object: {text[:200]!r}")
    names = [field.name for field in fields(Outcome)]
    missing = set(names) - found.keys() - {"samples_ms", "output"}
    if missing:
        raise NotAnOutcome(f"no {', '.join(sorted(missing))} in: {text[:200]!r}")
    return Outcome(**{name: _frozen(found[name]) for name in names if name in found})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
