"""Time subjects on this machine: in this process from Python, and with the C++ runner.

Load from other programs should affect all alike. In a round, all subjects of this process take
turns, one run each (A B A B); then each native one is a process of its own for its share of runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import TypeVar

import numpy as np
import torch

from tiny_audio_ssl.bench import matrix_product, sound
from tiny_audio_ssl.bench.machine import device_name, system_name
from tiny_audio_ssl.bench.measurement import MeasuredDevice, Measurement, TimingJob, TimingResult
from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.native.result import RunnerResult
from tiny_audio_ssl.bench.native.run import run_native
from tiny_audio_ssl.bench.settings import HOST, HOST_NATIVE, TimingSettings
from tiny_audio_ssl.bench.subjects import Subject
from tiny_audio_ssl.export.runtimes import executorch_threads, open_outputs
from tiny_audio_ssl.utils.threads import torch_threads

LOADS = 5
REFRESH_RUNS = 2  # not timed, after other programs have used the processor's caches
Result = TypeVar("Result")


@dataclass
class _Opened:
    """A subject that is open in this process."""

    subject: Subject
    run: Callable[[], object]
    load_ms: float | None
    first_run_ms: float
    rounds_ms: list[list[float]] = field(default_factory=list)

    def result(self, settings: TimingSettings) -> TimingResult:
        return TimingResult(
            runtime=self.subject.runtime,
            version=metadata.version(self.subject.runtime),
            threads=settings.threads,
            cpus=(),
            load_ms=self.load_ms,
            first_run_ms=self.first_run_ms,
            rounds_ms=np.array(self.rounds_ms),
        )


def time_on_host(
    subjects: Sequence[Subject],
    settings: TimingSettings,
    in_process: bool = True,
    native: bool = False,
    progress: Callable[[str], None] = lambda message: None,
) -> list[Measurement]:
    """Time subjects on this machine.

    Args:
        in_process: time them from Python.
        native: time artifacts with the C++ runner; eager models are left out there.
        progress: called with a message for each step.

    Raises `UserError`: a missing runtime, an artifact that it refuses; what `run_native` raises.
    """
    apart = [subject for subject in subjects if native and subject.path]
    starts: list[list[RunnerResult]] = [[] for _ in apart]
    multiplied = []
    rounds, runs = settings.shape
    with torch_threads(settings.threads), executorch_threads(settings.threads):
        progress("opening")
        here = [_open(subject, settings) for subject in subjects if in_process]
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            multiplied.append(matrix_product.time_products())
            _take_turns(here, runs, settings.warm_up if number == 0 else REFRESH_RUNS)
            for subject, of_subject in zip(apart, starts, strict=True):
                of_subject.append(_run_native(subject, runs, settings))
    products = matrix_product.speed_of(multiplied)
    results = [(TimingJob(one.subject, HOST, settings), one.result(settings)) for one in here]
    results += [
        (TimingJob(subject, HOST_NATIVE, settings), TimingResult.of_starts(of_subject))
        for subject, of_subject in zip(apart, starts, strict=True)
    ]
    device = MeasuredDevice(device_name(), system_name())
    return [Measurement(job, device, result, products) for job, result in results]


def _open(subject: Subject, settings: TimingSettings) -> _Opened:
    if subject.path is None:
        run = _open_eager(subject)
        return _Opened(subject, run, None, _clock(run)[1])
    path, inputs = subject.path, sound.inputs(subject)
    open_outputs(path, settings.threads)(*inputs)  # costs that a process has only once
    loads_ms = []
    for _ in range(LOADS):
        outputs, load_ms = _clock(lambda: open_outputs(path, settings.threads))
        loads_ms.append(load_ms)

    def step() -> None:
        found = outputs(*inputs)
        if subject.is_stream:
            inputs[1:] = found[-len(inputs[1:]) :]  # the state, for the next packet

    return _Opened(subject, step, statistics.median(loads_ms), _clock(step)[1])


def _open_eager(subject: Subject) -> Callable[[], object]:
    assert subject.network is not None
    network = subject.network
    inputs = [torch.from_numpy(given) for given in sound.inputs(subject)]

    def step() -> None:
        with torch.inference_mode():
            found = network(*inputs)
        if subject.is_stream:
            inputs[1:] = found[-len(inputs[1:]) :]

    return step


def _take_turns(subjects: Sequence[_Opened], runs: int, warm_up: int) -> None:
    for one in subjects:
        one.rounds_ms.append([])
    for turn in range(warm_up + runs):
        for one in subjects:
            _, took_ms = _clock(one.run)
            if turn >= warm_up:
                one.rounds_ms[-1].append(took_ms)


def _run_native(subject: Subject, runs: int, settings: TimingSettings) -> RunnerResult:
    assert subject.path is not None
    options = RunnerOptions(
        warm_up=settings.warm_up,
        runs=runs,
        threads=settings.threads,
        cpus=settings.cpus,
        stream=subject.is_stream,
        samples=True,
    )
    return run_native(subject.path, sound.noise(subject), options)


def _clock(function: Callable[[], Result]) -> tuple[Result, float]:
    """Return the function's result, and the milliseconds that it took."""
    begin = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - begin)
