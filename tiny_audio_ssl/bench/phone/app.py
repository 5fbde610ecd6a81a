"""The benchmark inside the Android demo app: the same artifact as an app runs it."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from tiny_audio_ssl.bench.outcome import Job, NotAnOutcome, Outcome, parse
from tiny_audio_ssl.bench.phone.adb import Phone
from tiny_audio_ssl.bench.phone.folder import scratch
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.manifest import MANIFEST

PACKAGE = "org.tinyaudiossl.demo"
ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
FILES = f"/sdcard/Android/data/{PACKAGE}/files"  # Context.getExternalFilesDir(null)
RESULT = f"{FILES}/benchmark.json"
POLL_S = 0.5


@dataclass(frozen=True)
class AppOnPhone:
    """The app, installed on one phone."""

    phone: Phone
    return_s: float  # to wait for a phone that went away, to clean up on it

    def run(self, job: Job, timeout_s: float) -> Outcome:
        """Start the benchmark activity and wait for its JSON; what was copied there is removed.

        Raises `UserError`: no such activity, or no JSON within the time; what `scratch` raises.
        """
        ending = f"am force-stop {PACKAGE}; rm -f {RESULT}"
        with scratch(self.phone, FILES, self.return_s, ending) as folder:
            self.phone.shell(f"rm -f {RESULT}")
            # The app reads shapes there that ExecuTorch's Java does not tell.
            about = job.artifact.with_name(MANIFEST)
            self.phone.push([job.artifact, *([about] if about.is_file() else [])], folder)
            self._open(job, f"{folder}/{job.artifact.name}")
            return self._result(job, timeout_s)

    def _open(self, job: Job, artifact: str) -> None:
        extras = (
            f"--es artifact {shlex.quote(artifact)} --ei runs {job.runs} "
            f"--ei threads {job.threads} --es engine {job.runtime}"
        )
        done = self.phone.shell(f"am start -n {ACTIVITY} {extras}")
        if (
            done.code or "Error" in done.out + done.err
        ):  # am ends with 0 either way before Android 9
            said = (done.err or done.out).strip()
            raise UserError(f"{self.phone.serial}: {ACTIVITY} can't be started: {said}")

    def _result(self, job: Job, timeout_s: float) -> Outcome:
        end = time.monotonic() + timeout_s
        while True:
            done = self.phone.shell(f"cat {RESULT}")
            try:
                if done.code == 0:
                    return parse(done.out)
                problem = "wrote nothing"
            except NotAnOutcome as error:  # perhaps half written
                problem = f"wrote {error}"
            if time.monotonic() > end:
                raise UserError(
                    f"{self.phone.serial}: the app {problem} for {job.artifact.name} within "
                    f"{timeout_s:g} s; unlock the phone and keep its screen on"
                )
            time.sleep(POLL_S)


def is_installed(phone: Phone) -> bool:
    return phone.shell(f"pm path {PACKAGE}").out.startswith("package:")
