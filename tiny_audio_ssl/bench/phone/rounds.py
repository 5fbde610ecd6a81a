"""Run jobs on one phone, round by round, until the medians of the last rounds agree.

All jobs take turns within a round, and each round begins with a pause. A phone that is hot, saves
power or runs something else shows as a spread between the medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tiny_audio_ssl.bench.native.options import RunnerJob
from tiny_audio_ssl.bench.native.result import RunnerResult
from tiny_audio_ssl.bench.phone.adb import Phone
from tiny_audio_ssl.bench.phone.energy import EnergyEstimate
from tiny_audio_ssl.bench.phone.state import PhoneSpecs, PhoneState, read_state
from tiny_audio_ssl.bench.settings import PhoneSettings

ProgramName = Literal["runner", "app"]


class PhoneProgram(Protocol):
    """A program on a phone that runs jobs: the C++ runner or the demo app."""

    def run(self, job: RunnerJob, timeout_s: float) -> RunnerResult: ...


@dataclass(frozen=True)
class PhoneRun:
    """All rounds of one job on one phone, and the phone's state before and after them."""

    job: RunnerJob
    phone: PhoneSpecs
    program: ProgramName
    results: tuple[RunnerResult, ...]  # one per round, in order
    before: PhoneState
    after: PhoneState
    settings: PhoneSettings
    energy: EnergyEstimate | None = None
    energy_note: str | None = "not requested"  # why there is no estimate

    @property
    def counted(self) -> tuple[RunnerResult, ...]:
        """Results of the last rounds, the only ones that count."""
        return self.results[-self.settings.agreeing_rounds :]

    @property
    def spread(self) -> float:
        """(highest - lowest) / median of the medians of the rounds that count."""
        return _spread(self.results, self.settings)

    @property
    def steady(self) -> bool:
        """Whether at least two rounds ran and the last ones agreed within `max_spread`."""
        enough = len(self.results) >= max(self.settings.agreeing_rounds, 2)
        return enough and self.spread <= self.settings.max_spread


def run_rounds(
    phone: Phone,
    specs: PhoneSpecs,
    jobs: Sequence[RunnerJob],
    program: PhoneProgram,
    name: ProgramName,
    settings: PhoneSettings,
    progress: Callable[[str], None],
) -> list[PhoneRun]:
    """Run all jobs in turns, at most `max_rounds` times. Raises what the program raises."""
    before = read_state(phone)
    results: list[tuple[RunnerResult, ...]] = [()] * len(jobs)
    for number in range(1, settings.max_rounds + 1):
        progress(f"{phone.serial}: {name}, round {number}")
        _cool_down(phone, settings)
        results = [
            (*earlier, program.run(job, settings.run_timeout_s))
            for job, earlier in zip(jobs, results, strict=True)
        ]
        agree = all(_spread(of_job, settings) <= settings.max_spread for of_job in results)
        if number >= settings.agreeing_rounds and agree:
            break
    after = read_state(phone)
    return [
        PhoneRun(job, specs, name, of_job, before, after, settings)
        for job, of_job in zip(jobs, results, strict=True)
    ]


def _cool_down(phone: Phone, settings: PhoneSettings) -> None:
    time.sleep(settings.cool_down_s)
    end = time.monotonic() + settings.throttle_wait_s
    while read_state(phone).thermal_status and time.monotonic() < end:
        time.sleep(1)


def _spread(results: Sequence[RunnerResult], settings: PhoneSettings) -> float:
    medians = [result.p50_ms for result in results[-settings.agreeing_rounds :]]
    return (max(medians) - min(medians)) / statistics.median(medians)
