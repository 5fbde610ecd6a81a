"""The benchmark inside the Android demo app: the same artifact as an app runs it."""

from __future__ import annotations

import secrets
import shlex
import time
from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.latency.adb import Phone
from tiny_audio_ssl.latency.outcome import Job, NotAnOutcome, Outcome, parse

PACKAGE = "org.tinyaudiossl.demo"
ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
FILES = f"/sdcard/Android/data/{PACKAGE}/files"  # Context.getExternalFilesDir(null)
RESULT = f"{FILES}/benchmark.json"
POLL_S = 0.5


@dataclass(frozen=True)
class AppOnPhone:
    """The app, installed on one phone."""

    phone: Phone

    def run(self, job: Job, timeout_s: float) -> Outcome:
        """Start the benchmark activity and wait for its JSON; what was copied there is removed.

        Raises `UserError`: no such activity, or no JSON within the time.
        """
        folder = f"{FILES}/benchmark-{secrets.token_hex(6)}"
        try:
            self.phone.shell(f"rm -f {RESULT}; mkdir -p {folder}")
            self.phone.push([job.artifact], folder)
            self._open(job, f"{folder}/{job.artifact.name}")
            return self._result(job, timeout_s)
        finally:
            self.phone.shell(f"am force-stop {PACKAGE}; rm -rf {folder} {RESULT}")

    def _open(self, job: Job, artifact: str) -> None:
        extras = (
            f"--es artifact {shlex.quote(artifact)} --ei runs {job.runs} "
            f"--ei threads {job.threads} --es engine {job.runtime}"
        )
        done = self.phone.shell(f"am start -n {ACTIVITY} {extras}")
        if done.code or "Error" in done.out + done.err:  # am ends with 0 either way before Android 9
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
