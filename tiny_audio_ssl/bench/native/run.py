"""Time an artifact by the C++ runner on this machine: no Python in what is timed."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.bench.native import Runtime, build
from tiny_audio_ssl.bench.outcome import NotAnOutcome, Outcome, parse
from tiny_audio_ssl.errors import UserError

RUNTIMES: dict[str, Runtime] = {".pte": "executorch", ".onnx": "onnxruntime"}
USAGE_ERROR = 2  # the program's exit code for what its user can mend


@dataclass(frozen=True)
class NativeOptions:
    """What the runner is asked for. One run is one window or, of a stream, one packet."""

    warm_up: int = 20  # runs before those that are timed, after the first
    runs: int = 200
    seconds: float | None = None  # as many runs as begin within it, instead of `runs`
    threads: int = 1
    cpus: tuple[int, ...] = ()  # the cores to stay on; empty: all
    stream: bool = False
    samples: bool = False  # keep every run's time
    embedding: bool = False  # keep the last run's output

    def arguments(self, artifact: str, pcm: str | None = None) -> list[str]:
        """The program's arguments; the files are named as the program will see them."""
        length = ["--runs", self.runs] if self.seconds is None else ["--seconds", self.seconds]
        given: list[Any] = [artifact, "--warm-up", self.warm_up, *length, "--threads", self.threads]
        given += ["--pcm", pcm] if pcm else []
        given += ["--cpus", ",".join(map(str, self.cpus))] if self.cpus else []
        given += [f"--{name}" for name in ("stream", "samples", "embedding") if getattr(self, name)]
        return [str(argument) for argument in given]


def run_native(
    artifact: str | Path,
    pcm: np.ndarray | None = None,
    options: NativeOptions | None = None,
    timeout_s: float = 300,
) -> Outcome:
    """Run an artifact in the C++ runner of this machine, which is built if need be.

    Args:
        artifact: .pte or .onnx with float32 inputs.
        pcm: float32 `[samples]`, -1..1, 16 kHz (or an input of another kind, such as a log-mel);
            repeated or cut to what the artifact takes; None: noise at a tenth of full scale.

    Raises `UserError`: an artifact that the runtime refuses, cores that are not there, a runner
    that crashes, prints something else or takes longer than `timeout_s`; what `build` raises.
    """
    artifact, options = Path(artifact), options or NativeOptions()
    runtime = RUNTIMES.get(artifact.suffix)
    if runtime is None:
        raise UserError(f"{artifact}: expected an artifact, {' or '.join(RUNTIMES)}")
    bundle = build(runtime)
    with tempfile.TemporaryDirectory() as scratch:
        sound = None if pcm is None else _raw(pcm, Path(scratch) / "pcm.f32")
        program = str(bundle.folder / bundle.program)
        printed = _run([program, *options.arguments(str(artifact), sound)], timeout_s)
    try:
        return parse(printed)
    except NotAnOutcome as error:
        raise UserError(
            f"{program} printed no result: {error}; something else wrote there, or its version "
            "is not ours"
        ) from error


def _raw(pcm: np.ndarray, path: Path) -> str:
    np.ascontiguousarray(pcm, "<f4").tofile(path)
    return str(path)


def _run(command: Sequence[str], timeout_s: float) -> str:
    """What the program printed, if it ended well."""
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=timeout_s, text=True, errors="replace"
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{command[0]} took longer than {timeout_s:g} s; ask for fewer runs"
        ) from error
    if done.returncode == 0:
        return done.stdout
    said = "\n".join(done.stderr.strip().splitlines()[-5:]) or "nothing"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise UserError(f"{command[0]} crashed ({name}); it last said: {said}")
    if done.returncode == USAGE_ERROR:
        raise UserError(said.splitlines()[-1])
    raise UserError(f"{command[0]} ended with exit code {done.returncode}; it last said: {said}")
