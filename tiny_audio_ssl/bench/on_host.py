"""Time on this machine: in this process through Python, and by the C++ runner.

Whatever else the machine does should fall on all alike. In a round, all forms of this process take
turns, one run each (A B A B); then each native one is a process of its own for its share of runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import TypeVar

import numpy as np
import torch

from tiny_audio_ssl.bench import roofline, sound
from tiny_audio_ssl.bench.machine import device_name, system_name
from tiny_audio_ssl.bench.native.run import NativeOptions, run_native
from tiny_audio_ssl.bench.outcome import Outcome
from tiny_audio_ssl.bench.roofline import Products
from tiny_audio_ssl.bench.subjects import Subject
from tiny_audio_ssl.bench.timing import HOST, HOST_NATIVE, Settings, Timing
from tiny_audio_ssl.export.runtimes import open_outputs

LOADS = 5
REFRESH = 2  # turns that don't count, once other programs have used the caches
Result = TypeVar("Result")
Say = Callable[[str], None]


@dataclass
class _InProcess:
    """A subject that is open in this process."""

    subject: Subject
    run: Callable[[], object]
    load_ms: float | None
    first_run_ms: float
    rounds_ms: list[list[float]] = field(default_factory=list)


@dataclass
class _Native:
    """A subject that the C++ runner opens anew in each round."""

    subject: Subject
    results: list[Outcome] = field(default_factory=list)


def time_on_host(
    subjects: Sequence[Subject],
    settings: Settings,
    in_process: bool = True,
    native: bool = False,
    say: Say = lambda message: None,
) -> list[Timing]:
    """Time subjects on this machine; models, which are no artifacts, in this process only.

    Raises `UserError`: a runtime that is missing or refuses an artifact; what `run_native` raises.
    """
    with _torch_threads(settings.threads):
        say("opening")
        here = [_opened(subject, settings) for subject in subjects if in_process]
        apart = [_Native(subject) for subject in subjects if native and subject.path]
        multiplied = []
        rounds, runs = settings.shape
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            multiplied.append(roofline.few_products())
            _take_turns(here, runs, settings.warm_up if number == 0 else REFRESH)
            for one in apart:
                one.results.append(_natively(one.subject, runs, settings))
    products = roofline.products(multiplied)
    made = [_timing(one, settings, products) for one in here]
    return made + [_native_timing(one, settings, products) for one in apart]


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _opened(subject: Subject, settings: Settings) -> _InProcess:
    if subject.path is None:
        run = _eager(subject)
        return _InProcess(subject, run, None, _clocked(run)[1])
    path, inputs = subject.path, sound.inputs(subject)
    open_outputs(path, settings.threads)(*inputs)  # what a process pays once is not the artifact's
    loads_ms = []
    for _ in range(LOADS):
        outputs, load_ms = _clocked(lambda: open_outputs(path, settings.threads))
        loads_ms.append(load_ms)

    def step() -> None:
        found = outputs(*inputs)
        if subject.stream:
            inputs[1:] = found[-len(inputs[1:]) :]  # the state, for the next packet

    return _InProcess(subject, step, statistics.median(loads_ms), _clocked(step)[1])


def _eager(subject: Subject) -> Callable[[], object]:
    assert subject.network is not None
    network = subject.network
    inputs = [torch.from_numpy(given) for given in sound.inputs(subject)]

    def step() -> None:
        with torch.inference_mode():
            found = network(*inputs)
        if subject.stream:
            inputs[1:] = found[-len(inputs[1:]) :]

    return step


def _take_turns(forms: Sequence[_InProcess], runs: int, warm_up: int) -> None:
    for form in forms:
        form.rounds_ms.append([])
    for turn in range(warm_up + runs):
        for form in forms:
            _, took_ms = _clocked(form.run)
            if turn >= warm_up:
                form.rounds_ms[-1].append(took_ms)


def _natively(subject: Subject, runs: int, settings: Settings) -> Outcome:
    assert subject.path is not None
    options = NativeOptions(
        warm_up=settings.warm_up,
        runs=runs,
        threads=settings.threads,
        cpus=settings.cpus,
        stream=subject.stream,
        samples=True,
    )
    return run_native(subject.path, sound.noise(subject), options)


def _clocked(function: Callable[[], Result]) -> tuple[Result, float]:
    """The result, and how many milliseconds it took."""
    begin = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - begin)


def _timing(one: _InProcess, settings: Settings, products: Products) -> Timing:
    return Timing(
        subject=one.subject,
        target=HOST,
        device=device_name(),
        system=system_name(),
        runtime=one.subject.package,
        version=metadata.version(one.subject.package),
        threads=settings.threads,
        cpus=(),
        load_ms=one.load_ms,
        first_run_ms=one.first_run_ms,
        rounds_ms=np.array(one.rounds_ms),
        products=products,
    )


def _native_timing(one: _Native, settings: Settings, products: Products) -> Timing:
    last = one.results[-1]
    return Timing(
        subject=one.subject,
        target=HOST_NATIVE,
        device=device_name(),
        system=system_name(),
        runtime=last.runtime,
        version=last.runtime_version,
        threads=settings.threads,
        cpus=settings.cpus,
        load_ms=statistics.median(result.load_ms for result in one.results),
        first_run_ms=statistics.median(result.first_ms for result in one.results),
        rounds_ms=np.array([result.samples_ms for result in one.results]),
        peak_rss_kb=max(result.peak_rss_kb for result in one.results),
        products=products,
    )
