"""The C++ runner on a phone: copied there with its libraries, run, and removed."""

from __future__ import annotations

import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tiny_audio_ssl.bench.native.build import RunnerBundle
from tiny_audio_ssl.bench.native.options import RunnerJob, RunnerOptions, Runtime
from tiny_audio_ssl.bench.native.result import RunnerOutputError, RunnerResult, parse_result
from tiny_audio_ssl.bench.phone.adb import QUERY_S, Phone, PhoneTimeoutError
from tiny_audio_ssl.bench.phone.energy import BatteryReading
from tiny_audio_ssl.bench.phone.folder import run_checked, temporary_folder
from tiny_audio_ssl.bench.phone.state import CURRENT, parse_battery
from tiny_audio_ssl.errors import UserError

TEMPORARY = "/data/local/tmp"  # where the shell's user may write and execute
ERRORS = {
    2: "does not take these arguments or this artifact",
    3: "failed while it ran",
    126: "can't be started on this phone",
    127: "can't be started on this phone",
}


@dataclass(frozen=True)
class PhoneRunner:
    """Bundles and artifacts, copied to one phone."""

    phone: Phone
    folder: str  # on the phone
    bundles: Mapping[Runtime, RunnerBundle]  # by runtime, each in a folder of that name
    jobs: Sequence[RunnerJob]

    def run(self, job: RunnerJob, timeout_s: float) -> RunnerResult:
        """Run one of the jobs and return its result, with the time of every run.

        Raises `UserError`: a crash, an error, output that is not JSON; `PhoneTimeoutError`;
        `PhoneDisconnectedError`.
        """
        command = self._start(job, replace(job.options, samples=True))
        try:
            done = self.phone.shell(f"{command}; wait $!", timeout_s)
        except PhoneTimeoutError as error:
            raise PhoneTimeoutError(
                f"{self.phone.serial}: {job.artifact.name} did not end within {timeout_s:g} s; "
                "ask for fewer runs, or for more time"
            ) from error
        if done.code:
            raise UserError(
                f"{self._failure(job, done.code)}: {self._errors() or done.out.strip()}"
            )
        with tempfile.TemporaryDirectory() as here:
            target = Path(here) / "result.json"
            self.phone.pull(f"{self.folder}/result.json", target)
            try:
                return parse_result(target.read_text(errors="replace"))
            except RunnerOutputError as error:
                raise UserError(
                    f"{self.phone.serial}: the runner printed {error}; its errors: "
                    f"{self._errors() or 'none'}"
                ) from error

    def watch_battery(self, seconds: int, job: RunnerJob | None = None) -> list[BatteryReading]:
        """Read the battery once a second: idle, or while a job runs without pause."""
        begin, end = "true", "true"
        if job:  # started for longer than it is watched, and given a second to load
            begin = self._start(job, replace(job.options, seconds=3 * seconds + 30)) + "; sleep 1"
            end = f"kill -9 $(cat {self.folder}/pid) 2>/dev/null; wait"
        script = (
            f"{begin}; i=0; while [ $i -le {seconds} ]; do "
            f"echo @ $(cat /proc/uptime); dumpsys battery; echo @; {CURRENT}; "
            f"sleep 1; i=$((i+1)); done; {end}"
        )
        return parse_readings(self.phone.shell(script, 3 * seconds + QUERY_S).out)

    def _start(self, job: RunnerJob, options: RunnerOptions) -> str:
        """Return a command line that starts the runner in the background and keeps its PID."""
        place = f"../{self.jobs.index(job)}"
        pcm = f"{place}/{job.pcm.name}" if job.pcm else None
        arguments = options.arguments(f"{place}/{job.artifact.name}", pcm)
        program = f"LD_LIBRARY_PATH=. {shlex.join(self.bundles[job.runtime].command)}"
        return (
            f"cd {self.folder}/{job.runtime} || exit 1; "
            f"{program} {shlex.join(arguments)} >../result.json 2>../errors.txt "
            "</dev/null & echo $! >../pid"
        )

    def _errors(self) -> str:
        """Return the last lines that the runner wrote to its standard error."""
        lines = self.phone.shell(f"cat {self.folder}/errors.txt").out.strip().splitlines()
        return "\n".join(lines[-3:])

    def _failure(self, job: RunnerJob, code: int) -> str:
        prefix = f"{self.phone.serial}: {job.artifact.name}: the runner "
        if code > 128:
            return f"{prefix}crashed ({signal_name(code - 128)})"
        return f"{prefix}{ERRORS.get(code, 'failed')} (exit code {code})"


@contextmanager
def runner_on(
    phone: Phone,
    jobs: Sequence[RunnerJob],
    bundles: Mapping[Runtime, RunnerBundle],
    reconnect_s: float,
) -> Iterator[PhoneRunner]:
    """Copy bundles, artifacts and input to a new folder on the phone; remove it at the end.

    Args:
        bundles: by runtime.
        reconnect_s: time to wait at the end for a disconnected phone, to clean up on it.

    Raises what `temporary_folder` and `Phone.push` raise.
    """
    kill = "kill -9 $(cat $folder/pid 2>/dev/null) 2>/dev/null"
    with temporary_folder(phone, TEMPORARY, reconnect_s, kill) as folder:
        _copy(phone, folder, jobs, bundles)
        yield PhoneRunner(phone, folder, bundles, jobs)


def signal_name(number: int) -> str:
    """Return `SIGSEGV` for 11; `signal 99` for a number without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def parse_readings(text: str) -> list[BatteryReading]:
    """Parse the output of `watch_battery`: `@ UPTIME`, `dumpsys battery`, `@`, the current."""
    parts = text.split("@")[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [
        BatteryReading(float(dump.split()[0]), parse_battery(dump, current))
        for dump, current in pairs
    ]


def _copy(
    phone: Phone, folder: str, jobs: Sequence[RunnerJob], bundles: Mapping[Runtime, RunnerBundle]
) -> None:
    names = [*bundles, *map(str, range(len(jobs)))]
    run_checked(phone, " ".join(["mkdir", *(f"{folder}/{name}" for name in names)]))
    for runtime, bundle in bundles.items():
        starters = [bundle.program, *([bundle.loader] if bundle.loader else [])]
        files = [bundle.folder / name for name in (*starters, *bundle.libraries)]
        phone.push(files, f"{folder}/{runtime}")
        run_checked(phone, f"cd {folder}/{runtime} && chmod 755 {shlex.join(starters)}")
    for number, job in enumerate(jobs):
        phone.push([job.artifact, *([job.pcm] if job.pcm else [])], f"{folder}/{number}")
