"""The benchmark of the Android demo app: the same artifact, run inside an app."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from tiny_audio_ssl.bench.native.options import RunnerJob
from tiny_audio_ssl.bench.native.result import RunnerOutputError, RunnerResult, parse_result
from tiny_audio_ssl.bench.phone.adb import Phone
from tiny_audio_ssl.bench.phone.folder import temporary_folder
from tiny_audio_ssl.errors import UserError

MANIFEST = "manifest.json"  # beside an exported artifact
PACKAGE = "org.tinyaudiossl.demo"
ACTIVITY = f"{PACKAGE}/.BenchmarkActivity"
FILES = f"/sdcard/Android/data/{PACKAGE}/files"  # Context.getExternalFilesDir(null)
RESULT = f"{FILES}/benchmark.json"
POLL_S = 0.5


@dataclass(frozen=True)
class PhoneApp:
    """The demo app, installed on one phone."""

    phone: Phone
    reconnect_s: float  # time to wait for a disconnected phone, to clean up on it

    def run(self, job: RunnerJob, timeout_s: float) -> RunnerResult:
        """Start the benchmark activity, wait for its JSON, and remove the copied files.

        Raises `UserError`: no such activity, or no JSON within the time; what `temporary_folder`
        raises.
        """
        ending = f"am force-stop {PACKAGE}; rm -f {RESULT}"
        with temporary_folder(self.phone, FILES, self.reconnect_s, ending) as folder:
            self.phone.shell(f"rm -f {RESULT}")
            # ExecuTorch's Java API reports no shapes: the app reads them in the manifest.
            manifest = job.artifact.with_name(MANIFEST)
            self.phone.push([job.artifact, *([manifest] if manifest.is_file() else [])], folder)
            self._open(job, f"{folder}/{job.artifact.name}")
            return self._wait(job, timeout_s)

    def _open(self, job: RunnerJob, artifact: str) -> None:
        extras = (
            f"--es artifact {shlex.quote(artifact)} --ei runs {job.options.runs} "
            f"--ei threads {job.options.threads} --es engine {job.runtime}"
        )
        done = self.phone.shell(f"am start -n {ACTIVITY} {extras}")
        # Before Android 9, `am` exits with 0 either way.
        if done.code or "Error" in done.out + done.err:
            said = (done.err or done.out).strip()
            raise UserError(f"{self.phone.serial}: {ACTIVITY} can't be started: {said}")

    def _wait(self, job: RunnerJob, timeout_s: float) -> RunnerResult:
        end = time.monotonic() + timeout_s
        while True:
            done = self.phone.shell(f"cat {RESULT}")
            try:
                if done.code == 0:
                    return parse_result(done.out)
                problem = "wrote nothing"
            except RunnerOutputError as error:  # perhaps half written
                problem = f"wrote {error}"
            if time.monotonic() > end:
                raise UserError(
                    f"{self.phone.serial}: the app {problem} for {job.artifact.name} within "
                    f"{timeout_s:g} s; unlock the phone and keep its screen on"
                )
            time.sleep(POLL_S)


def is_installed(phone: Phone) -> bool:
    """Tell whether the demo app is installed on a phone."""
    return phone.shell(f"pm path {PACKAGE}").out.startswith("package:")
