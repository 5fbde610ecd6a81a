"""Run jobs on every attached phone, with the C++ runner and with the demo app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tiny_audio_ssl.bench.native.build import RunnerBundle
from tiny_audio_ssl.bench.native.options import RunnerJob, Runtime
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.phone.app import PhoneApp, is_installed
from tiny_audio_ssl.bench.phone.energy import EnergyEstimateError, estimate_energy
from tiny_audio_ssl.bench.phone.rounds import PhoneRun, run_rounds
from tiny_audio_ssl.bench.phone.runner import PhoneRunner, runner_on
from tiny_audio_ssl.bench.phone.state import PhoneSpecs, read_specs
from tiny_audio_ssl.bench.settings import PhoneSettings
from tiny_audio_ssl.errors import UserError


def run_on_phones(
    jobs: Sequence[RunnerJob],
    bundles: Mapping[Runtime, RunnerBundle],
    settings: PhoneSettings | None = None,
    serial: str | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> list[PhoneRun]:
    """Run jobs on all attached phones, or on one.

    Args:
        jobs: they take turns.
        bundles: the runner for each runtime among the jobs, built for phones.
        settings: `PhoneSettings()` if None.
        serial: of the one phone to use; `$ANDROID_SERIAL` if None, as for adb.
        progress: called with a message for each step, and for each phone left out or failed.

    Raises `UserError`: no phone can be used, or all failed. All copied files are removed; if a
    phone was disconnected and did not return, the message says how to remove what is left there.
    """
    settings = settings or PhoneSettings()
    phones = adb.choose(serial, progress)
    runs: list[PhoneRun] = []
    failures = []
    for phone in phones:
        try:
            runs += _run_on_phone(phone, jobs, bundles, settings, progress)
        except UserError as error:
            failures.append(str(error))
            if len(phones) > 1:
                progress(str(error))
    if len(failures) == len(phones):
        raise UserError("\n".join(failures))
    return runs


def _run_on_phone(
    phone: adb.Phone,
    jobs: Sequence[RunnerJob],
    bundles: Mapping[Runtime, RunnerBundle],
    settings: PhoneSettings,
    progress: Callable[[str], None],
) -> list[PhoneRun]:
    specs = read_specs(phone)
    _check_abi(specs, bundles)
    progress(f"{phone.serial}: {specs.model}, copying")
    with runner_on(phone, jobs, bundles, settings.reconnect_s) as runner:
        runs = run_rounds(phone, specs, jobs, runner, "runner", settings, progress)
        if settings.energy_s:
            progress(f"{phone.serial}: watching the battery")
            runs = [_with_energy(run, runner) for run in runs]
    if is_installed(phone):
        app = PhoneApp(phone, settings.reconnect_s)
        windows = [job for job in jobs if not job.options.stream]  # the app times no streams
        try:
            runs += run_rounds(phone, specs, windows, app, "app", settings, progress)
        except UserError as error:  # keep the runner's results, which took minutes
            progress(str(error))
    return runs


def _check_abi(specs: PhoneSpecs, bundles: Mapping[Runtime, RunnerBundle]) -> None:
    for bundle in bundles.values():
        if bundle.abi not in specs.abis:
            raise UserError(
                f"{specs.serial} ({specs.model}) runs {', '.join(specs.abis)}; "
                f"the {bundle.runtime} runner is built for {bundle.abi}"
            )


def _with_energy(run: PhoneRun, runner: PhoneRunner) -> PhoneRun:
    idle = runner.watch_battery(run.settings.energy_s)
    busy = runner.watch_battery(run.settings.energy_s, run.job)
    try:
        return replace(run, energy=estimate_energy(idle, busy), energy_note=None)
    except EnergyEstimateError as error:
        return replace(run, energy_note=str(error))
