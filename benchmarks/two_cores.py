"""Clips that two cores train on in a second, beside one core, in each way to use them.

python benchmarks/two_cores.py

Two runs of their own, which share nothing but the machine, show what its second core is worth: its
caches, memory and clock are shared. All ways take turns. A long run minus a short one is the time
of the steps without the start. Seconds are of the clock, so nothing else may run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import tyro
from versions import ROOT

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.statistics import ratio
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "two_cores.csv"


@dataclass(frozen=True)
class Way:
    """How a training uses the cores."""

    threads: int = 1
    options: tuple[str, ...] = ()
    runs: int = 1
    """Trainings at the same time."""


ONE = "one core"
WAYS = {
    ONE: Way(),
    "two threads": Way(threads=2),
    "two processes": Way(options=("--devices", "2")),
    "two runs of their own": Way(runs=2),
}


@dataclass(frozen=True)
class TwoCores:
    """One row for each task, encoder and way."""

    source: str = "builtin:32"
    """Recordings to train on."""
    tasks: tuple[str, ...] = ("audio2vec-cbow", "cola")
    encoders: tuple[str, ...] = ("dense",)
    batch_size: int = 128
    steps: tuple[int, int] = (10, 70)
    """Steps of the short and of the long run."""
    rounds: int = 5
    csv: Path = RESULTS


def main(wanted: TwoCores) -> None:
    rows: list[dict[str, Any]] = []
    for encoder in wanted.encoders:
        for task in wanted.tasks:
            rows += measured(task, encoder, wanted)
            write_rows(wanted.csv, rows)


def measured(task: str, encoder: str, wanted: TwoCores) -> list[dict[str, Any]]:
    """Time all ways, in turn."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(1 + wanted.rounds):  # the first compiles the modules and fills caches
        for name, way in WAYS.items():
            found[name].append(clips_per_s(task, encoder, wanted, way))
    speeds = {name: np.array(values[1:])[:, None] for name, values in found.items()}
    rows = []
    for name, speed in speeds.items():
        gain = ratio(speed, speeds[ONE])
        rows.append(
            {
                "task": task,
                "encoder": encoder,
                "batch_size": wanted.batch_size,
                "way": name,
                "clips_per_s": f"{np.median(speed):.0f}",
                "times_one_core": f"{gain.value:.2f}",
                "low_95": f"{gain.low:.2f}",
                "high_95": f"{gain.high:.2f}",
                "device": device_name(),
                "torch_version": torch.__version__,
            }
        )
        print(f"{task}, {encoder}, {name}: {gain.value:.2f} times one core", flush=True)
    return rows


def clips_per_s(task: str, encoder: str, wanted: TwoCores, way: Way) -> float:
    """Return the clips of all runs in a second of their steps."""
    short, long = (seconds(task, encoder, wanted, way, steps) for steps in wanted.steps)
    steps = wanted.steps[1] - wanted.steps[0]
    return way.runs * wanted.batch_size * steps / (long - short)


def seconds(task: str, encoder: str, wanted: TwoCores, way: Way, steps: int) -> float:
    """Return the time until all runs have ended."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(way.threads)}
    command = [
        *(sys.executable, "-m", "tiny_audio_ssl", "pretrain", wanted.source),
        *("--out", "run", "--task", task),
        *("--encoder.name", encoder, "--batch-size", str(wanted.batch_size)),
        *("--steps", str(steps), "--accelerator", "cpu", "--validate-every", "1000", *way.options),
    ]
    with TemporaryDirectory(prefix="two-cores-") as place:
        folders = [Path(place) / str(number) for number in range(way.runs)]
        for folder in folders:
            folder.mkdir()
        began = time.perf_counter()
        running = [
            subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
            for folder in folders
        ]
        codes = [process.wait() for process in running]
        took = time.perf_counter() - began
    if any(codes):
        raise SystemExit(f"{' '.join(command)} ended with {codes}")
    return took


if __name__ == "__main__":
    main(tyro.cli(TwoCores, description=__doc__))
