"""Time artifacts on every phone that is attached, with the C++ runner and with the demo app.

All artifacts take turns, round by round with a pause before each, until the medians of the last
rounds agree: a phone that is warm, saves power or does something else shows as a spread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tiny_audio_ssl.bench.native import Bundle
from tiny_audio_ssl.bench.outcome import Job, Outcome
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.phone import app as phone_app
from tiny_audio_ssl.bench.phone import device as about
from tiny_audio_ssl.bench.phone.device import Specs, State
from tiny_audio_ssl.bench.phone.energy import Energy, NoEstimate, estimate
from tiny_audio_ssl.bench.phone.runner import RunnerOnPhone, installed
from tiny_audio_ssl.errors import UserError

FIGURES = ("load_ms", "first_ms", "p50_ms", "p90_ms", "p99_ms", "mean_ms")


@dataclass(frozen=True)
class Plan:
    """How often a phone is measured, and how long it may take."""

    rounds: int = 3  # that must agree; the figures are their medians
    max_rounds: int = 8
    spread: float = 0.05  # (highest - lowest) / median of their p50
    cool_down_s: float = 10.0  # before each round
    throttled_s: float = 60.0  # to wait in addition, while the phone says that it throttles
    energy_s: int = 0  # to watch the battery, idle and busy; 0: no estimate
    run_s: float = 300.0  # the most for one run of one artifact
    return_s: float = 30.0  # to wait for a phone that went away, to clean up on it


@dataclass(frozen=True)
class OnPhone:
    """One artifact on one phone. Times in milliseconds, medians over the rounds that count."""

    phone: Specs
    through: str  # "runner" or "app"
    artifact: str
    runtime: str
    runtime_version: str
    abi: str
    threads: int
    cpus: tuple[int, ...] | None  # it was tied to; None: wherever the system put it
    stream: bool
    load_ms: float
    first_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    min_ms: float
    runs: int  # in each round
    rounds_p50_ms: tuple[float, ...]  # of every round, in their order
    spread: float  # of the last rounds, those that count
    steady: bool  # two rounds at least, and the spread within the plan's
    real_time_factor: float  # p50 / the sound's duration: 0.01 computes 1 % of the time
    peak_rss_kb: int
    checksum: str
    before: State
    after: State
    energy: Energy | None  # an estimate
    energy_note: str | None  # why there is none
    samples_ms: tuple[float, ...] = field(default=(), repr=False)  # of the rounds that count
    output: tuple[float, ...] = field(default=(), repr=False)  # the embedding, on request


class Engine(Protocol):
    """What runs a job on a phone."""

    def run(self, job: Job, timeout_s: float) -> Outcome: ...


def measure(
    jobs: Sequence[Job],
    bundles: Mapping[str, Bundle],
    serial: str | None = None,
    plan: Plan | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> list[OnPhone]:
    """Time artifacts on all phones that are attached, or on one.

    Args:
        jobs: what to run; they take turns.
        bundles: the runner for each runtime among the jobs, built for phones.
        serial: only this phone; as for adb, `$ANDROID_SERIAL` if None.
        plan: `Plan()` if None.
        say: is told what happens, and of each phone that is left out or failed.

    Raises `UserError`: no phone can be used, or all failed. Nothing stays on a phone; where it
    went away and did not return, the message says how to remove what is left there.
    """
    plan = plan or Plan()
    phones = adb.choose(serial, say)
    rows: list[OnPhone] = []
    failures = []
    for phone in phones:
        try:
            rows += _on_one(phone, jobs, bundles, plan, say)
        except UserError as error:
            failures.append(str(error))
            if len(phones) > 1:
                say(str(error))
    if len(failures) == len(phones):
        raise UserError("\n".join(failures))
    return rows


def _on_one(
    phone: adb.Phone,
    jobs: Sequence[Job],
    bundles: Mapping[str, Bundle],
    plan: Plan,
    say: Callable[[str], None],
) -> list[OnPhone]:
    specs = about.specs(phone)
    _check_abi(specs, bundles)
    say(f"{phone.serial}: {specs.model}, copying")
    with installed(phone, jobs, bundles, plan.return_s) as runner:
        rows = _rounds(phone, specs, jobs, runner, "runner", plan, say)
        if plan.energy_s:
            say(f"{phone.serial}: watching the battery")
            rows = [
                _with_energy(row, job, runner, plan) for row, job in zip(rows, jobs, strict=True)
            ]
    if phone_app.is_installed(phone):
        app = phone_app.AppOnPhone(phone, plan.return_s)
        whole = [job for job in jobs if not job.stream]
        try:
            rows += _rounds(phone, specs, whole, app, "app", plan, say)
        except UserError as error:  # the runner's rows took minutes
            say(str(error))
    return rows


def _check_abi(specs: Specs, bundles: Mapping[str, Bundle]) -> None:
    for bundle in bundles.values():
        if bundle.abi not in specs.abis:
            raise UserError(
                f"{specs.serial} ({specs.model}) runs {', '.join(specs.abis)}; "
                f"the {bundle.runtime} runner is built for {bundle.abi}"
            )


def _rounds(
    phone: adb.Phone,
    specs: Specs,
    jobs: Sequence[Job],
    engine: Engine,
    through: str,
    plan: Plan,
    say: Callable[[str], None],
) -> list[OnPhone]:
    before = about.state(phone)
    outcomes: list[list[Outcome]] = [[] for _ in jobs]
    for number in range(1, plan.max_rounds + 1):
        say(f"{phone.serial}: {through}, round {number}")
        _cool_down(phone, plan)
        for job, of_job in zip(jobs, outcomes, strict=True):
            of_job.append(engine.run(job, plan.run_s))
        if number >= plan.rounds and all(_spread(o, plan) <= plan.spread for o in outcomes):
            break
    after = about.state(phone)
    return [
        _row(specs, through, job, of_job, before, after, plan)
        for job, of_job in zip(jobs, outcomes, strict=True)
    ]


def _cool_down(phone: adb.Phone, plan: Plan) -> None:
    time.sleep(plan.cool_down_s)
    end = time.monotonic() + plan.throttled_s
    while about.state(phone).thermal_status and time.monotonic() < end:
        time.sleep(1)


def _spread(outcomes: Sequence[Outcome], plan: Plan) -> float:
    medians = [outcome.p50_ms for outcome in outcomes[-plan.rounds :]]
    return (max(medians) - min(medians)) / statistics.median(medians)


def _row(
    specs: Specs,
    through: str,
    job: Job,
    outcomes: Sequence[Outcome],
    before: State,
    after: State,
    plan: Plan,
) -> OnPhone:
    kept = outcomes[-plan.rounds :]
    last = kept[-1]
    times = {name: statistics.median(getattr(o, name) for o in kept) for name in FIGURES}
    spread = _spread(outcomes, plan)
    return OnPhone(
        phone=specs,
        through=through,
        artifact=job.artifact.name,
        runtime=last.runtime,
        runtime_version=last.runtime_version,
        abi=last.abi,
        threads=last.threads,
        cpus=last.cpus,
        stream=last.stream,
        **times,
        min_ms=min(outcome.min_ms for outcome in kept),
        runs=last.runs,
        rounds_p50_ms=tuple(outcome.p50_ms for outcome in outcomes),
        spread=spread,
        steady=len(outcomes) >= max(plan.rounds, 2) and spread <= plan.spread,
        real_time_factor=times["p50_ms"] / job.audio_ms,
        peak_rss_kb=max(outcome.peak_rss_kb for outcome in kept),
        checksum=last.checksum,
        before=before,
        after=after,
        energy=None,
        energy_note="not asked for",
        samples_ms=tuple(ms for outcome in kept for ms in outcome.samples_ms),
        output=last.output,
    )


def _with_energy(row: OnPhone, job: Job, runner: RunnerOnPhone, plan: Plan) -> OnPhone:
    idle = runner.readings(plan.energy_s)
    busy = runner.readings(plan.energy_s, job)
    try:
        energy = estimate(idle, busy, row.real_time_factor)
    except NoEstimate as error:
        return replace(row, energy_note=str(error))
    return replace(row, energy=energy, energy_note=None)
