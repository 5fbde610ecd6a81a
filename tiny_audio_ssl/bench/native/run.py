"""Run an artifact with the C++ runner on this machine: nothing that is timed is Python."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tiny_audio_ssl.bench.native.build import build_runner
from tiny_audio_ssl.bench.native.options import RUNTIMES, RunnerOptions
from tiny_audio_ssl.bench.native.result import RunnerOutputError, RunnerResult, parse_result
from tiny_audio_ssl.errors import UserError

USAGE_ERROR = 2  # the program's exit code for bad arguments or artifacts


def run_native(
    artifact: str | Path,
    pcm: np.ndarray | None = None,
    options: RunnerOptions | None = None,
    timeout_s: float = 300,
) -> RunnerResult:
    """Run an artifact with the C++ runner of this machine, which is built at the first call.

    Args:
        artifact: .pte or .onnx with float32 inputs.
        pcm: float32 `[samples]`, -1..1, 16 kHz (or an input of another kind, such as a log-mel);
            repeated or cut to what the artifact takes; None: noise at a tenth of full scale.
        options: `RunnerOptions()` if None.

    Raises `UserError`: an artifact that the runtime refuses; cores that do not exist; a runner
    that crashes, prints something else or takes longer than `timeout_s`; what `build_runner`
    raises.
    """
    artifact, options = Path(artifact), options or RunnerOptions()
    runtime = RUNTIMES.get(artifact.suffix)
    if runtime is None:
        raise UserError(f"{artifact}: expected an artifact, {' or '.join(RUNTIMES)}")
    bundle = build_runner(runtime)
    with tempfile.TemporaryDirectory() as scratch:
        sound = None if pcm is None else _write_raw(pcm, Path(scratch) / "pcm.f32")
        program = str(bundle.folder / bundle.program)
        printed = _run([program, *options.arguments(str(artifact), sound)], timeout_s)
    try:
        return parse_result(printed)
    except RunnerOutputError as error:
        raise UserError(
            f"{program} printed no result: {error}; another program wrote to its output, or its "
            "version differs from this package's"
        ) from error


def _write_raw(pcm: np.ndarray, path: Path) -> str:
    np.ascontiguousarray(pcm, "<f4").tofile(path)
    return str(path)


def _run(command: Sequence[str], timeout_s: float) -> str:
    """Return the standard output of a program that must succeed."""
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
        raise UserError(f"{command[0]} crashed ({name}); its last output: {said}")
    if done.returncode == USAGE_ERROR:
        raise UserError(said.splitlines()[-1])
    raise UserError(f"{command[0]} ended with exit code {done.returncode}; its last output: {said}")
