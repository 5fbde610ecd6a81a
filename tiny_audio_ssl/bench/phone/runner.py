"""The C++ runner on a phone: copied there with its libraries, run, and removed."""

from __future__ import annotations

import shlex
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiny_audio_ssl.bench.native import Bundle
from tiny_audio_ssl.bench.outcome import Job, NotAnOutcome, Outcome, parse
from tiny_audio_ssl.bench.phone import device as about
from tiny_audio_ssl.bench.phone.adb import QUERY_S, Phone, PhoneTooSlow
from tiny_audio_ssl.bench.phone.energy import Reading
from tiny_audio_ssl.bench.phone.folder import must, scratch
from tiny_audio_ssl.errors import UserError

TEMPORARY = "/data/local/tmp"  # where the shell's user may write and execute
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
    bundles: Mapping[str, Bundle]  # by runtime, each in a folder of that name
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
        if job:  # started for longer than it is watched, and given a second to load
            begin = f"{self._start(job, f'--seconds {3 * seconds + 30}')}; sleep 1"
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
        program = f"LD_LIBRARY_PATH=. {shlex.join(self.bundles[job.runtime].command)}"
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

    Raises what `scratch` and `Phone.push` raise.
    """
    kill = "kill -9 $(cat $folder/pid 2>/dev/null) 2>/dev/null"
    with scratch(phone, TEMPORARY, return_s, kill) as folder:
        _send(phone, folder, jobs, bundles)
        yield RunnerOnPhone(phone, folder, bundles, jobs)


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


def _send(phone: Phone, folder: str, jobs: Sequence[Job], bundles: Mapping[str, Bundle]) -> None:
    names = [*bundles, *map(str, range(len(jobs)))]
    must(phone, " ".join(["mkdir", *(f"{folder}/{name}" for name in names)]))
    for runtime, bundle in bundles.items():
        starters = [bundle.program, *([bundle.loader] if bundle.loader else [])]
        files = [bundle.folder / name for name in (*starters, *bundle.libraries)]
        phone.push(files, f"{folder}/{runtime}")
        must(phone, f"cd {folder}/{runtime} && chmod 755 {shlex.join(starters)}")
    for number, job in enumerate(jobs):
        phone.push([job.artifact, *([job.pcm] if job.pcm else [])], f"{folder}/{number}")
