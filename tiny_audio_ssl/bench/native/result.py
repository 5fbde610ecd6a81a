"""The line of JSON that the C++ runner prints and the Android app writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

OPTIONAL = {"samples_ms", "output"}


@dataclass(frozen=True)
class RunnerResult:
    """One start of the runner. Times in milliseconds."""

    runtime: str
    runtime_version: str
    artifact: str
    abi: str  # Android's name of the processor: "arm64-v8a" or "x86_64"
    cpu_model: str
    threads: int
    cpus: tuple[int, ...] | None  # cores it stayed on; None: the system chose
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
    samples_ms: tuple[float, ...] = ()  # one per run, with --samples
    output: tuple[float, ...] = ()  # with --embedding


class RunnerOutputError(ValueError):
    """The text is not the JSON of one result; the message quotes it."""


def parse_result(text: str) -> RunnerResult:
    """Read one result; unknown keys are ignored. Raises `RunnerOutputError`."""
    if not text.strip():
        raise RunnerOutputError("nothing")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RunnerOutputError(f"no JSON: {text[:200]!r}") from error
    if not isinstance(found, dict):
        raise RunnerOutputError(f"no JSON object: {text[:200]!r}")
    names = [field.name for field in fields(RunnerResult)]
    missing = set(names) - found.keys() - OPTIONAL
    if missing:
        raise RunnerOutputError(f"no {', '.join(sorted(missing))} in: {text[:200]!r}")
    return RunnerResult(**{name: _frozen(found[name]) for name in names if name in found})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
