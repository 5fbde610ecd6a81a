"""Row: one form on one device, as a line of the table, the CSV and the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.bench import roofline, statistics
from tiny_audio_ssl.bench.baseline import baseline_of
from tiny_audio_ssl.bench.statistics import Interval
from tiny_audio_ssl.bench.timing import OnThePhone, Timing
from tiny_audio_ssl.utils.files import write_rows
from tiny_audio_ssl.version import __version__


@dataclass(frozen=True)
class Row:
    """How fast one form is on one device. Times in milliseconds, of one window or packet."""

    target: str  # host, host-native or adb
    device: str  # CPU model, or the phone's
    system: str
    model: str  # tells exports apart; "peer" for files of others
    artifact: str  # file name, or "eager waveform"
    runtime: str
    version: str  # of the runtime
    tiny_audio_ssl: str  # version
    precision: str | None
    input: str
    threads: int
    cpus: tuple[int, ...]  # it was tied to; none: wherever the system put it
    bytes: int | None  # of the artifact
    window_ms: float | None  # of new sound in a run
    load_ms: float | None  # median; the runtime is loaded and used before
    first_run_ms: float
    p50_ms: float
    p50_low_ms: float  # ends of the median's 95 % interval
    p50_high_ms: float
    p90_ms: float
    min_ms: float
    real_time_factor: float | None  # p50 / window: 0.01 computes for 1 % of the time
    baseline: str | None
    speedup: float | None  # baseline's p50 / p50
    speedup_low: float | None  # ends of its 95 % interval
    speedup_high: float | None
    multiply_adds: int | None
    gflops: float | None  # 2 * multiply_adds / p50
    peak_gflops: float | None  # the best of a float32 matrix product there, in the same run
    typical_gflops: float | None  # of the same products: tells a busy machine
    peak_rss_kb: int | None
    rounds: int
    runs: int
    phone: OnThePhone | None = None
    samples_ms: tuple[float, ...] = field(default=(), repr=False)  # only on request

    @property
    def of_peak(self) -> float | None:
        """How much of what a float32 matrix product reaches; int8 and fp16 may pass 1."""
        return self.gflops / self.peak_gflops if self.gflops and self.peak_gflops else None


def rows_of(
    timings: Sequence[Timing], baseline: str | None = None, keep_samples: bool = False
) -> list[Row]:
    """What follows from the times; `baseline` as for `baseline_of`."""
    return [_row(one, baseline_of(one, timings, baseline), keep_samples) for one in timings]


def _row(timing: Timing, baseline: Timing | None, keep_samples: bool) -> Row:
    subject, times = timing.subject, timing.rounds_ms
    middle = statistics.median(times)
    faster = statistics.ratio(baseline.rounds_ms, times) if baseline else None
    work = subject.multiply_adds
    return Row(
        target=timing.target,
        device=timing.device,
        system=timing.system,
        model=subject.model,
        artifact=subject.artifact,
        runtime=timing.runtime,
        version=timing.version,
        tiny_audio_ssl=__version__,
        precision=subject.precision,
        input=subject.input,
        threads=timing.threads,
        cpus=timing.cpus,
        bytes=subject.path.stat().st_size if subject.path else None,
        window_ms=subject.window_ms,
        load_ms=timing.load_ms,
        first_run_ms=timing.first_run_ms,
        p50_ms=middle.value,
        p50_low_ms=middle.low,
        p50_high_ms=middle.high,
        p90_ms=float(np.percentile(times, 90)),
        min_ms=float(times.min()),
        real_time_factor=middle.value / subject.window_ms if subject.window_ms else None,
        baseline=_named(baseline, timing),
        **_speedup(faster),
        multiply_adds=work,
        gflops=roofline.gflops(work, middle.value) if work else None,
        peak_gflops=timing.products.peak_gflops if timing.products else None,
        typical_gflops=timing.products.typical_gflops if timing.products else None,
        peak_rss_kb=timing.peak_rss_kb,
        rounds=len(times),
        runs=times.size,
        phone=timing.phone,
        samples_ms=tuple(times.flatten().tolist()) if keep_samples else (),
    )


def _speedup(faster: Interval | None) -> dict[str, Any]:
    values = (faster.value, faster.low, faster.high) if faster else (None, None, None)
    return dict(zip(("speedup", "speedup_low", "speedup_high"), values, strict=True))


def _named(baseline: Timing | None, timing: Timing) -> str | None:
    """With all that is not obvious."""
    if baseline is None:
        return None
    same_model = baseline.subject.model == timing.subject.model
    name = baseline.subject.artifact if same_model else baseline.subject.name
    return name if baseline.target == timing.target else f"{name} ({baseline.target})"


def write_csv(target: Path, rows: Sequence[Row]) -> None:
    """One line a row, under all columns that any of them has."""
    write_rows(target, map(flat, rows))


def as_dict(row: Row) -> dict[str, Any]:
    """For JSON."""
    return asdict(row) | {"of_peak": row.of_peak}


def flat(row: Row) -> dict[str, str]:
    """As a line of the CSV: what is known of a phone in columns `phone_...`, lists with spaces."""
    values = as_dict(row)
    phone, samples = values.pop("phone") or {}, values.pop("samples_ms")
    values |= {f"phone_{name}": value for name, value in phone.items()}
    return {name: _text(value) for name, value in (values | {"samples_ms": samples}).items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
