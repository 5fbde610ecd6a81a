"""Measurement: the times of one subject on one device, before any comparison."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiny_audio_ssl.bench.native.result import RunnerResult
from tiny_audio_ssl.bench.phone.rounds import PhoneRun
from tiny_audio_ssl.bench.roofline import MatrixProductSpeed
from tiny_audio_ssl.bench.settings import BenchTarget, TimingSettings
from tiny_audio_ssl.bench.statistics import Rounds
from tiny_audio_ssl.bench.subjects import Subject


@dataclass(frozen=True)
class TimingJob:
    """A subject, and the target and settings of its timing."""

    subject: Subject
    target: BenchTarget
    settings: TimingSettings


@dataclass(frozen=True)
class MeasuredDevice:
    """A device that times were taken on: this machine or a phone."""

    name: str  # CPU model, or the phone's model
    system: str  # "Linux x86_64, Python 3.11", "Android 14 arm64-v8a"


@dataclass(frozen=True)
class TimingResult:
    """Times of all runs, and the runtime that took them."""

    runtime: str
    version: str  # of the runtime
    threads: int
    cpus: tuple[int, ...]  # cores that the process stayed on; empty: the system chose
    load_ms: float | None  # median, with the runtime loaded and used before; None for eager models
    first_run_ms: float
    rounds_ms: Rounds
    peak_rss_kb: int | None = None  # of a process that did nothing else

    @classmethod
    def of_starts(cls, starts: Sequence[RunnerResult]) -> TimingResult:
        """Combine starts of the same program, each a round."""
        last = starts[-1]
        return cls(
            runtime=last.runtime,
            version=last.runtime_version,
            threads=last.threads,
            cpus=last.cpus or (),
            load_ms=statistics.median(start.load_ms for start in starts),
            first_run_ms=statistics.median(start.first_ms for start in starts),
            rounds_ms=np.array([start.samples_ms for start in starts]),
            peak_rss_kb=max(start.peak_rss_kb for start in starts),
        )


@dataclass(frozen=True)
class Measurement:
    """The times of one subject on one device."""

    job: TimingJob
    device: MeasuredDevice
    result: TimingResult
    products: MatrixProductSpeed | None = None  # there, in the same rounds
    phone_run: PhoneRun | None = None  # on phones: specifications, all rounds, battery
