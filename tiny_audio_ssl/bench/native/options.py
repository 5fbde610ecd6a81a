"""Arguments of the C++ runner, on this machine and on phones alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tiny_audio_ssl.utils.ranges import COUNT, COUNT_OR_0, DURATION_S, Range, check_numbers

Runtime = Literal["executorch", "onnxruntime"]
RUNTIMES: dict[str, Runtime] = {".pte": "executorch", ".onnx": "onnxruntime"}


@dataclass(frozen=True)
class RunnerOptions:
    """Options of one start of the runner. A run is one window, or one packet of a stream."""

    warm_up: int = 20  # runs before those that are timed, after the first
    runs: int = 200
    seconds: float | None = None  # instead of `runs`: as many as begin within this time
    threads: int = 1
    cpus: tuple[int, ...] = ()  # cores to stay on; empty: all
    stream: bool = False  # feed packets with state, instead of windows
    samples: bool = False  # report the time of every run
    embedding: bool = False  # report the last run's output

    def __post_init__(self) -> None:
        check_numbers(
            self, warm_up=COUNT_OR_0, runs=COUNT, seconds=DURATION_S,
            threads=Range(1, 1024, whole=True),
        )  # fmt: skip

    def arguments(self, artifact: str, pcm: str | None = None) -> list[str]:
        """Return the command-line arguments.

        Args:
            artifact: path of the artifact, as the runner sees it.
            pcm: path of raw little-endian float32 samples, as the runner sees it; None: noise.
        """
        length = ["--runs", self.runs] if self.seconds is None else ["--seconds", self.seconds]
        given: list[object] = [artifact, *(["--pcm", pcm] if pcm else [])]
        given += ["--warm-up", self.warm_up, *length, "--threads", self.threads]
        given += ["--cpus", ",".join(map(str, self.cpus))] if self.cpus else []
        given += [f"--{name}" for name in ("stream", "samples", "embedding") if getattr(self, name)]
        return [str(argument) for argument in given]


@dataclass(frozen=True)
class RunnerJob:
    """Files for the runner and its options."""

    artifact: Path  # .pte or .onnx
    pcm: Path | None = None  # raw little-endian float32 samples; None: noise
    options: RunnerOptions = field(default_factory=RunnerOptions)

    @property
    def runtime(self) -> Runtime:
        return RUNTIMES[self.artifact.suffix]
