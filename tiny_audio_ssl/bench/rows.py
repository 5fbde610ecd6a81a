"""Row: one measurement as a line of the table, the CSV and the JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.bench import statistics
from tiny_audio_ssl.bench.baseline import baseline_of
from tiny_audio_ssl.bench.measurement import Measurement
from tiny_audio_ssl.bench.phone.rounds import PhoneRun
from tiny_audio_ssl.bench.roofline import CLEAN_DRIFT, gflops
from tiny_audio_ssl.utils.files import write_rows
from tiny_audio_ssl.utils.ownership import check_target, has_columns
from tiny_audio_ssl.version import __version__

FIRST_COLUMNS = ("target", "device", "system", "model", "artifact")  # which identify our CSV


@dataclass(frozen=True)
class PhoneColumns:
    """Columns for phones only: reliability of the times, and the energy estimate."""

    serial: str
    soc: str | None
    cores: int
    max_mhz: tuple[int, ...]  # of each core
    through: str  # program that ran the artifact: "runner" or "app"
    steady: bool  # the last rounds agreed
    spread: float  # of the last rounds' medians: (highest - lowest) / median
    battery_before_percent: float | None
    battery_after_percent: float | None
    battery_before_c: float | None
    battery_after_c: float | None
    cpu_before_c: float | None
    cpu_after_c: float | None
    thermal_status_after: int | None  # Android's: 0 is none; from 1 on it throttles
    plugged: bool | None
    screen_on: bool | None
    power_save: bool | None
    estimated_mwh_per_hour: float | None  # of listening
    energy_note: str | None  # why there is no estimate


@dataclass(frozen=True)
class WebColumns:
    """Columns for browsers only, as measured by the page of `export --web`."""

    browser: str  # "Chromium 156"
    processor: str  # class of the processor: "arm 64-bit"
    cores: int
    isolated: bool  # whether the page could use threads
    p99_ms: float
    slowdown: float  # median of the last tenth of the runs / that of the first: throttling


@dataclass(frozen=True)
class Row:
    """The speed of one subject on one device, with times in milliseconds per window or packet."""

    target: str  # host, host-native, adb, or web: in a browser
    device: str  # CPU model, or the phone's model
    system: str
    model: str  # tells exports apart; "peer" for files of other projects
    artifact: str  # file name, or "eager waveform"
    runtime: str
    version: str  # of the runtime
    tiny_audio_ssl: str  # version
    precision: str | None
    input: str
    threads: int
    cpus: tuple[int, ...]  # cores the process stayed on; empty: the system chose
    bytes: int | None  # size of the artifact
    window_ms: float | None  # new sound in a run
    load_ms: float | None  # median, with the runtime loaded and used before
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
    peak_gflops: float | None  # of the fastest float32 matrix product in the same rounds
    typical_gflops: float | None  # of the median product, which falls on a busy machine
    peak_rss_kb: int | None
    rounds: int
    runs: int
    phone: PhoneColumns | None = None
    web: WebColumns | None = None
    machine_drift: float | None = None  # matrix product: slowest round's time / fastest round's
    samples_ms: tuple[float, ...] = field(default=(), repr=False)  # with `keep_samples`

    @property
    def is_clean(self) -> bool | None:
        """Whether the machine was equally fast in all rounds; None if that is not known."""
        return None if self.machine_drift is None else self.machine_drift <= CLEAN_DRIFT

    @property
    def of_peak(self) -> float | None:
        """Share of the speed of a float32 matrix product; int8 and fp16 may exceed 1."""
        return self.gflops / self.peak_gflops if self.gflops and self.peak_gflops else None


def rows_of(
    measurements: Sequence[Measurement], baseline: str | None = None, keep_samples: bool = False
) -> list[Row]:
    """Derive a row from each measurement.

    Args:
        baseline: as `name` of `baseline_of`.
        keep_samples: keep the time of every run in `Row.samples_ms`.
    """
    return [_row(one, baseline_of(one, measurements, baseline), keep_samples)
            for one in measurements]  # fmt: skip


def _row(measured: Measurement, baseline: Measurement | None, keep_samples: bool) -> Row:
    subject, result, products = measured.job.subject, measured.result, measured.products
    times = result.rounds_ms
    middle = statistics.median(times)
    work = subject.multiply_adds
    factor = middle.value / subject.window_ms if subject.window_ms else None
    return Row(
        target=measured.job.target,
        device=measured.device.name,
        system=measured.device.system,
        model=subject.model,
        artifact=subject.artifact,
        runtime=result.runtime,
        version=result.version,
        tiny_audio_ssl=__version__,
        precision=subject.precision,
        input=subject.input,
        threads=result.threads,
        cpus=result.cpus,
        bytes=subject.path.stat().st_size if subject.path else None,
        window_ms=subject.window_ms,
        load_ms=result.load_ms,
        first_run_ms=result.first_run_ms,
        p50_ms=middle.value,
        p50_low_ms=middle.low,
        p50_high_ms=middle.high,
        p90_ms=float(np.percentile(times, 90)),
        min_ms=float(times.min()),
        real_time_factor=factor,
        baseline=_baseline_name(baseline, measured),
        **_speedup(baseline, measured),
        multiply_adds=work,
        gflops=gflops(work, middle.value) if work else None,
        peak_gflops=products.peak_gflops if products else None,
        typical_gflops=products.typical_gflops if products else None,
        peak_rss_kb=result.peak_rss_kb,
        rounds=len(times),
        runs=times.size,
        phone=_phone_columns(measured.phone_run, factor) if measured.phone_run else None,
        machine_drift=products.drift if products else None,
        samples_ms=tuple(times.flatten().tolist()) if keep_samples else (),
    )


def _speedup(baseline: Measurement | None, measured: Measurement) -> dict[str, Any]:
    values: tuple[float | None, ...] = (None, None, None)
    if baseline:
        ratio = statistics.ratio(baseline.result.rounds_ms, measured.result.rounds_ms)
        values = (ratio.value, ratio.low, ratio.high)
    return dict(zip(("speedup", "speedup_low", "speedup_high"), values, strict=True))


def _baseline_name(baseline: Measurement | None, measured: Measurement) -> str | None:
    """Name the baseline, with model and target where they differ from the row's."""
    if baseline is None:
        return None
    subject = baseline.job.subject
    name = subject.artifact if subject.model == measured.job.subject.model else subject.name
    same_target = baseline.job.target == measured.job.target
    return name if same_target else f"{name} ({baseline.job.target})"


def _phone_columns(run: PhoneRun, real_time_factor: float | None) -> PhoneColumns:
    phone, before, after = run.phone, run.before, run.after
    energy = run.energy if real_time_factor else None
    return PhoneColumns(
        serial=phone.serial,
        soc=phone.soc,
        cores=phone.cores,
        max_mhz=phone.max_mhz,
        through=run.program,
        steady=run.steady,
        spread=run.spread,
        battery_before_percent=before.battery.level_percent,
        battery_after_percent=after.battery.level_percent,
        battery_before_c=before.battery.temperature_c,
        battery_after_c=after.battery.temperature_c,
        cpu_before_c=before.cpu_c,
        cpu_after_c=after.cpu_c,
        thermal_status_after=after.thermal_status,
        plugged=after.battery.plugged,
        screen_on=after.screen_on,
        power_save=after.power_save,
        estimated_mwh_per_hour=energy.mwh_per_hour(real_time_factor or 0.0) if energy else None,
        energy_note=run.energy_note,
    )


def check_csv(target: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise `UserError` if `target` is one of the inputs, or exists and is no table of
    measurements."""
    check_target(target, has_columns(*FIRST_COLUMNS), inputs, "--csv")


def write_csv(target: Path, rows: Sequence[Row]) -> None:
    """Write one line per row, under all columns that any of them has.

    Raises `UserError`: what `check_csv` raises; `target` can't be written.
    """
    check_csv(target)
    write_rows(target, map(flat, rows))


def as_dict(row: Row) -> dict[str, Any]:
    """Return the row for JSON, columns of phones and browsers nested under `phone` and `web`."""
    return asdict(row) | {"of_peak": row.of_peak, "is_clean": row.is_clean}


def flat(row: Row) -> dict[str, str]:
    """Return the row as a line of the CSV: `phone_...` and `web_...`, lists with spaces."""
    values = as_dict(row)
    samples = values.pop("samples_ms")
    for part in ("phone", "web"):
        nested = values.pop(part) or {}
        values |= {f"{part}_{name}": value for name, value in nested.items()}
    return {name: _text(value) for name, value in (values | {"samples_ms": samples}).items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
