"""Made-up measurements, whose statistics are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tiny_audio_ssl.bench.measurement import (
    MeasuredDevice,
    Measurement,
    TimingJob,
    TimingResult,
)
from tiny_audio_ssl.bench.native.options import RunnerJob
from tiny_audio_ssl.bench.native.result import RunnerResult
from tiny_audio_ssl.bench.phone.rounds import PhoneRun
from tiny_audio_ssl.bench.phone.state import Battery, PhoneSpecs, PhoneState
from tiny_audio_ssl.bench.roofline import MatrixProductSpeed
from tiny_audio_ssl.bench.settings import ADB, BenchTarget, PhoneSettings, TimingSettings
from tiny_audio_ssl.bench.statistics import Rounds
from tiny_audio_ssl.bench.subjects import Subject

RESULT = RunnerResult(
    runtime="onnxruntime",
    runtime_version="1.0",
    artifact="a.onnx",
    abi="arm64-v8a",
    cpu_model="toy",
    threads=1,
    cpus=None,
    stream=False,
    load_ms=3.0,
    first_ms=2.0,
    runs=5,
    p50_ms=1.0,
    p90_ms=1.4,
    p99_ms=1.5,
    min_ms=0.5,
    mean_ms=1.0,
    peak_rss_kb=100,
    checksum="00ff",
    samples_ms=(0.5, 1.0, 1.0, 1.0, 1.5),
)
PRODUCTS = MatrixProductSpeed(peak_gflops=100.0, typical_gflops=50.0)
STATE = PhoneState(Battery(81.0, 27.4), 0, None, None, screen_on=True, power_save=False)
PHONE_RUN = PhoneRun(
    job=RunnerJob(Path("a.onnx")),
    phone=PhoneSpecs("123", "Pixel", "Tensor", "14", ("arm64-v8a",), 8, (1803, 2802)),
    program="runner",
    results=(replace(RESULT, p50_ms=1.0), replace(RESULT, p50_ms=1.2)),
    before=STATE,
    after=replace(STATE, battery=Battery(80.0, 28.0, plugged=True), cpu_c=38.0),
    settings=PhoneSettings(agreeing_rounds=2),
)


def subject(artifact: str, model: str = "mine", kind: str = "waveform") -> Subject:
    """Return a subject of a million multiply-adds in 975 ms; `eager ...` has no file."""
    eager = artifact.startswith("eager")
    return Subject(
        model=model,
        artifact=artifact,
        runtime="torch" if eager else "onnxruntime",
        precision="fp32",
        input=kind,
        shapes=((1, 15_600),),
        window_ms=975.0,
        multiply_adds=1_000_000,
        path=None if eager else Path(__file__),
    )


def measurement(
    artifact: str,
    ms: float | Rounds,
    model: str = "mine",
    kind: str = "waveform",
    target: BenchTarget = "host",
    threads: int = 1,
    products: MatrixProductSpeed | None = PRODUCTS,
) -> Measurement:
    """Return a measurement in which every run took `ms`, or as these rounds say."""
    made = subject(artifact, model, kind)
    times = np.full((10, 20), ms) if isinstance(ms, float) else ms
    on_phone = target == ADB
    return Measurement(
        job=TimingJob(made, target, TimingSettings(threads=threads)),
        device=MeasuredDevice(*(("Pixel", "Android 14") if on_phone else ("CPU", "Linux"))),
        result=TimingResult(made.runtime, "1.0", threads, (), 1.0, 2.0, times),
        products=products,
        phone_run=PHONE_RUN if on_phone else None,
    )


def around(ms: float, seed: int, spread: float = 0.05) -> Rounds:
    """Return ten rounds of twenty noisy times, whose median is near `ms`."""
    rng = np.random.default_rng(seed)
    return ms * rng.lognormal(0.0, spread, (10, 20))
