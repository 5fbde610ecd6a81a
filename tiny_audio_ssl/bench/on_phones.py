"""Time artifacts on phones over adb, with a matrix product among them for the phone's peak."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tiny_audio_ssl.bench import sound
from tiny_audio_ssl.bench.matrix_product import ARTIFACT_SIZE, MODEL, export_product
from tiny_audio_ssl.bench.measurement import MeasuredDevice, Measurement, TimingJob, TimingResult
from tiny_audio_ssl.bench.native.build import build_runner
from tiny_audio_ssl.bench.native.options import RunnerJob, RunnerOptions
from tiny_audio_ssl.bench.phone.rounds import PhoneRun
from tiny_audio_ssl.bench.phone.run import run_on_phones
from tiny_audio_ssl.bench.roofline import MatrixProductSpeed, gflops
from tiny_audio_ssl.bench.settings import ADB, PhoneSettings, TimingSettings
from tiny_audio_ssl.bench.subjects import Subject

Subjects = Mapping[RunnerJob, Subject]


def time_on_phones(
    subjects: Sequence[Subject],
    settings: TimingSettings,
    phone_settings: PhoneSettings | None = None,
    serial: str | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> list[Measurement]:
    """Time artifacts on all attached phones, or on one; eager models are left out.

    Args:
        settings: each round on a phone has all of its `runs`; its `rounds` are not used.
        phone_settings: `PhoneSettings()` if None.
        serial: of the one phone to use.
        progress: called with a message for each step.

    Raises `UserError`: what `build_runner` and `run_on_phones` raise.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        artifacts = [subject for subject in subjects if subject.path]
        suffixes = sorted({subject.path.suffix for subject in artifacts if subject.path})
        timed = [*artifacts, *(export_product(folder, suffix) for suffix in suffixes)]
        by_job = {
            _runner_job(subject, settings, folder / f"{number}.f32"): subject
            for number, subject in enumerate(timed)
        }
        progress("building the runner")
        runtimes = dict.fromkeys(job.runtime for job in by_job)
        bundles = {runtime: build_runner(runtime, "aarch64-linux") for runtime in runtimes}
        found = run_on_phones(list(by_job), bundles, phone_settings, serial, progress)
    measurements = []
    for _, runs in groupby(found, key=lambda run: (run.phone.serial, run.program)):
        measurements += _measurements(list(runs), by_job, settings)
    return measurements


def _runner_job(subject: Subject, settings: TimingSettings, pcm: Path) -> RunnerJob:
    assert subject.path is not None
    options = RunnerOptions(
        warm_up=settings.warm_up,
        runs=settings.runs,
        threads=settings.threads,
        cpus=settings.cpus,
        stream=subject.is_stream,
    )
    return RunnerJob(subject.path, sound.write(subject, pcm), options)


def _measurements(
    runs: Sequence[PhoneRun], subjects: Subjects, settings: TimingSettings
) -> list[Measurement]:
    """Return measurements of one program on one phone, without the matrix products."""
    products = _product_speed(runs, subjects)
    return [
        _measurement(TimingJob(subjects[run.job], ADB, settings), run, products)
        for run in runs
        if subjects[run.job].model != MODEL
    ]


def _product_speed(runs: Sequence[PhoneRun], subjects: Subjects) -> MatrixProductSpeed:
    """Return the speed of the fastest runtime's product."""
    work = ARTIFACT_SIZE**3
    multiplied = [run.counted for run in runs if subjects[run.job].model == MODEL]
    fastest_ms = [min(result.min_ms for result in results) for results in multiplied]
    typical_ms = [statistics.median(result.p50_ms for result in results) for results in multiplied]
    return MatrixProductSpeed(gflops(work, min(fastest_ms)), gflops(work, min(typical_ms)))


def _measurement(job: TimingJob, run: PhoneRun, products: MatrixProductSpeed) -> Measurement:
    system = f"Android {run.phone.android} {run.results[-1].abi}"
    return Measurement(
        job=job,
        device=MeasuredDevice(run.phone.model, system),
        result=TimingResult.of_starts(run.counted),
        products=products,
        phone_run=run,
    )
