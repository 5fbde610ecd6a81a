"""Time artifacts on phones over adb, with a matrix product among them for their peak."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from tiny_audio_ssl.bench import roofline, sound
from tiny_audio_ssl.bench.native import Bundle, Runtime, build
from tiny_audio_ssl.bench.native.run import RUNTIMES
from tiny_audio_ssl.bench.outcome import Job
from tiny_audio_ssl.bench.phone import on_phone
from tiny_audio_ssl.bench.phone.on_phone import OnPhone, Plan
from tiny_audio_ssl.bench.roofline import Products
from tiny_audio_ssl.bench.subjects import Subject
from tiny_audio_ssl.bench.timing import ADB, OnThePhone, Settings, Timing


@dataclass(frozen=True)
class _Task:
    """What the phone runs: a subject, or the matrix product."""

    subject: Subject | None
    job: Job


def time_on_phones(
    subjects: Sequence[Subject],
    settings: Settings,
    serial: str | None = None,
    plan: Plan | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> list[Timing]:
    """Time artifacts on all phones that are attached, or on one; models are left out.

    A phone has rounds of its own (`Plan`), each with all of `settings.runs`.

    Raises `UserError`: what `on_phone.measure` and `runner.build` raise.
    """
    with tempfile.TemporaryDirectory() as folder:
        tasks = _tasks([s for s in subjects if s.path], settings, Path(folder))
        say("building the runner")
        bundles: dict[str, Bundle] = {
            name: build(name, "aarch64-linux") for name in _runtimes(tasks)
        }
        jobs = [task.job for task in tasks]
        found = on_phone.measure(jobs, bundles, serial, plan, say)
        timings = []
        for _, rows in groupby(found, key=lambda row: (row.phone.serial, row.through)):
            timings += _timings(tasks, list(rows))
        return timings


def _tasks(subjects: Sequence[Subject], settings: Settings, folder: Path) -> list[_Task]:
    tasks = [_task(subject, settings, folder / f"{i}.f32") for i, subject in enumerate(subjects)]
    suffixes = {task.job.artifact.suffix for task in tasks}
    for suffix in sorted(suffixes):
        product = roofline.write_product(folder, suffix)
        tasks.append(_Task(None, _job(product, None, math.nan, False, settings)))
    return tasks


def _task(subject: Subject, settings: Settings, file: Path) -> _Task:
    assert subject.path is not None
    heard_ms = subject.window_ms or math.nan
    pcm = sound.write(subject, file)
    return _Task(subject, _job(subject.path, pcm, heard_ms, subject.stream, settings))


def _job(
    artifact: Path, pcm: Path | None, audio_ms: float, stream: bool, settings: Settings
) -> Job:
    return Job(
        artifact=artifact,
        audio_ms=audio_ms,
        pcm=pcm,
        threads=settings.threads,
        cpus=settings.cpus,
        stream=stream,
        runs=settings.runs,
        warm_up=settings.warm_up,
    )


def _runtimes(tasks: Sequence[_Task]) -> list[Runtime]:
    return list(dict.fromkeys(RUNTIMES[task.job.artifact.suffix] for task in tasks))


def _timings(tasks: Sequence[_Task], rows: Sequence[OnPhone]) -> list[Timing]:
    """Of one phone, through the runner or the app; which has no rows of streams."""
    ran = [task for task in tasks if not (rows[0].through == "app" and task.job.stream)]
    pairs = list(zip(ran, rows, strict=True))
    work = roofline.product_multiply_adds()
    multiplied = [row for task, row in pairs if task.subject is None]
    products = Products(
        peak_gflops=max(roofline.gflops(work, row.min_ms) for row in multiplied),
        typical_gflops=max(roofline.gflops(work, row.p50_ms) for row in multiplied),
    )
    return [_timing(task.subject, row, products) for task, row in pairs if task.subject]


def _timing(subject: Subject, row: OnPhone, products: Products) -> Timing:
    return Timing(
        subject=subject,
        target=ADB,
        device=row.phone.model,
        system=f"Android {row.phone.android} {row.abi}",
        runtime=row.runtime,
        version=row.runtime_version,
        threads=row.threads,
        cpus=row.cpus or (),
        load_ms=row.load_ms,
        first_run_ms=row.first_ms,
        rounds_ms=np.array(row.samples_ms).reshape(-1, row.runs),
        peak_rss_kb=row.peak_rss_kb,
        products=products,
        phone=_on_the_phone(row),
    )


def _on_the_phone(row: OnPhone) -> OnThePhone:
    known = row.energy if row.energy and math.isfinite(row.real_time_factor) else None
    return OnThePhone(
        serial=row.phone.serial,
        soc=row.phone.soc,
        cores=row.phone.cores,
        max_mhz=row.phone.max_mhz,
        through=row.through,
        steady=row.steady,
        spread=row.spread,
        battery_before_percent=row.before.battery.level_percent,
        battery_after_percent=row.after.battery.level_percent,
        battery_before_c=row.before.battery.temperature_c,
        battery_after_c=row.after.battery.temperature_c,
        cpu_before_c=row.before.cpu_c,
        cpu_after_c=row.after.cpu_c,
        thermal_status_after=row.after.thermal_status,
        plugged=row.after.battery.plugged,
        screen_on=row.after.screen_on,
        power_save=row.after.power_save,
        estimated_mwh_per_hour=known.mwh_per_hour_listening if known else None,
        energy_note=row.energy_note,
    )
