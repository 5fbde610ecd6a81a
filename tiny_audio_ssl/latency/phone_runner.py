"""The C++ runner on a phone: a folder of its own there, which is gone afterwards whatever happens."""

from __future__ import annotations

import secrets
import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.latency import phone as about
from tiny_audio_ssl.latency.adb import QUERY_S, Phone, PhoneGone, PhoneTooSlow
from tiny_audio_ssl.latency.energy import Reading
from tiny_audio_ssl.latency.outcome import Job, NotAnOutcome, Outcome, parse

if TYPE_CHECKING:
    from tiny_audio_ssl.runner import Bundle


TEMPORARY = "/data/local/tmp"  # where the shell's user may write and execute
PREFIX = "tiny-audio-ssl-"
ERRORS = {
    2: "does not take these arguments or this artifact",
    3: "failed while it ran",
    126: "can't be started on this phone",
    127: "can't be started on this phone",
}


@dataclass(frozen=True)
class RunnerOnPhone:
    """Bundles and artifacts, copied to one phone."""

    phone: Phone
    folder: str  # on the phone
    programs: Mapping[str, str]  # the command that starts it in its own folder, by runtime
    jobs: Sequence[Job]

    def run(self, job: Job, timeout_s: float) -> Outcome:
        """Raises `UserError`: a crash, an error, output that is no JSON, no end within the time."""
        begun = self._start(job, f"--runs {job.runs} --samples")
        try:
            done = self.phone.shell(f"{begun}; wait $!", timeout_s)
        except PhoneTooSlow as error:
            raise PhoneTooSlow(
                f"{self.phone.serial}: {job.artifact.name} did not end within {timeout_s:g} s; "
                "ask for fewer runs, or for more time"
            ) from error
        if done.code:
            raise UserError(f"{self._failed(job, done.code)}: {self._said() or done.out.strip()}")
        with tempfile.TemporaryDirectory() as here:
            target = Path(here) / "result.json"
            self.phone.pull(f"{self.folder}/result.json", target)
            try:
                return parse(target.read_text(errors="replace"))
            except NotAnOutcome as error:
                raise UserError(
                    f"{self.phone.serial}: the runner printed {error}; its errors: "
                    f"{self._said() or 'none'}"
                ) from error

    def readings(self, seconds: int, job: Job | None = None) -> list[Reading]:
        """The battery once a second, idle, or while a job runs without pause."""
        begin, end = "true", "true"
        if job:
            begin = self._start(job, f"--seconds {seconds + 2}")
            end = f"kill -9 $(cat {self.folder}/pid) 2>/dev/null; wait"
        script = (
            f"{begin}; i=0; while [ $i -le {seconds} ]; do "
            f"echo @ $(cat /proc/uptime); dumpsys battery; echo @; {about.CURRENT}; "
            f"sleep 1; i=$((i+1)); done; {end}"
        )
        return parse_readings(self.phone.shell(script, 3 * seconds + QUERY_S).out)

    def _start(self, job: Job, mode: str) -> str:
        """A command line that starts the runner in the background and keeps its process id."""
        number = self.jobs.index(job)
        arguments = [f"../{number}/{job.artifact.name}"]
        arguments += ["--pcm", f"../{number}/{job.pcm.name}"] if job.pcm else []
        arguments += ["--warm-up", str(job.warm_up), "--threads", str(job.threads)]
        arguments += ["--cpus", ",".join(map(str, job.cpus))] if job.cpus else []
        arguments += ["--stream"] if job.stream else []
        arguments += ["--embedding"] if job.embedding else []
        program = self.programs[job.runtime]
        return (
            f"cd {self.folder}/{job.runtime} || exit 1; "
            f"{program} {shlex.join(arguments)} {mode} >../result.json 2>../errors.txt "
            "</dev/null & echo $! >../pid"
        )

    def _said(self) -> str:
        """The last lines that the runner wrote on stderr."""
        lines = self.phone.shell(f"cat {self.folder}/errors.txt").out.strip().splitlines()
        return "\n".join(lines[-3:])

    def _failed(self, job: Job, code: int) -> str:
        what = f"{self.phone.serial}: {job.artifact.name}: the runner "
        if code > 128:
            return f"{what}crashed ({signal_name(code - 128)})"
        return f"{what}{ERRORS.get(code, 'failed')} (exit code {code})"


@contextmanager
def installed(
    phone: Phone, jobs: Sequence[Job], bundles: Mapping[str, Bundle], return_s: float
) -> Iterator[RunnerOnPhone]:
    """Copy bundles, artifacts and input to a new folder on the phone; remove it at the end.

    Args:
        bundles: by runtime.
        return_s: how long to wait for a phone that went away, to clean up on it.

    Raises `UserError` as `Phone.push` does, and where the folder could not be removed.
    """
    with _folder(phone, return_s) as folder:
        _send(phone, folder, jobs, bundles)
        yield RunnerOnPhone(
            phone, folder, {name: _command(bundle) for name, bundle in bundles.items()}, jobs
        )


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def parse_readings(text: str) -> list[Reading]:
    """Of the script in `readings`: `@ UPTIME ...`, `dumpsys battery`, `@`, the current."""
    parts = text.split("@")[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [
        Reading(float(dump.split()[0]), about.parse_battery(dump, current))
        for dump, current in pairs
    ]


def _send(
    phone: Phone, folder: str, jobs: Sequence[Job], bundles: Mapping[str, Bundle]
) -> None:
    names = [*bundles, *map(str, range(len(jobs)))]
    _must(phone, " ".join(["mkdir", *(f"{folder}/{name}" for name in names)]))
    for runtime, bundle in bundles.items():
        starters = [bundle.program, *([bundle.loader] if bundle.loader else [])]
        files = dict.fromkeys([*starters, *bundle.libraries])
        phone.push([bundle.folder / name for name in files], f"{folder}/{runtime}")
        _must(phone, f"cd {folder}/{runtime} && chmod 755 {shlex.join(starters)}")
    for number, job in enumerate(jobs):
        phone.push([job.artifact, *([job.pcm] if job.pcm else [])], f"{folder}/{number}")


def _command(bundle: Bundle) -> str:
    program = shlex.quote(bundle.program)
    if bundle.loader:  # built for glibc, which Android has not
        return f"./{shlex.quote(bundle.loader)} --library-path . ./{program}"
    return f"LD_LIBRARY_PATH=. ./{program}"


@contextmanager
def _folder(phone: Phone, return_s: float) -> Iterator[str]:
    """A new folder on the phone, and away with those that are left from other days."""
    folder = f"{TEMPORARY}/{PREFIX}{secrets.token_hex(6)}"
    failure = None
    try:
        phone.shell(
            f"find {TEMPORARY} -maxdepth 1 -name '{PREFIX}*' -mtime +0 -exec rm -rf {{}} +"
        )
        _must(phone, f"mkdir {folder}")
        yield folder
    except UserError as error:
        failure = error
        raise
    finally:
        if left := _remove(phone, folder, return_s):
            raise UserError(f"{failure}\n{left}" if failure else left) from failure


def _must(phone: Phone, command: str) -> None:
    done = phone.shell(command)
    if done.code:
        said = (done.err or done.out).strip()
        raise UserError(f"{phone.serial}: `{command}` failed on the phone: {said}")


def _remove(phone: Phone, folder: str, return_s: float) -> str | None:
    """End what still runs and remove the folder; returns what the user must do where that fails."""
    by_hand = f"to remove what is left, type: adb -s {phone.serial} shell rm -rf {folder}"
    try:
        if not phone.wait(return_s):
            return by_hand
        removed = phone.shell(
            f"kill -9 $(cat {folder}/pid 2>/dev/null) 2>/dev/null; rm -rf {folder}"
        )
    except (PhoneGone, PhoneTooSlow):
        return by_hand
    return by_hand if removed.code else None
