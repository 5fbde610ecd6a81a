"""Processor time of training steps, beside the same steps of another commit.

python benchmarks/training_speed.py --before f4e3626

The time of a step is the difference between a long and a short run of `pretrain`, so that starting
the program does not count. The two versions take turns, one thread each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import tyro
from versions import ROOT, checked_out, cpu_s

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.statistics import ratio
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "training_speed.csv"


@dataclass(frozen=True)
class TrainingSpeed:
    """One row for each task and encoder."""

    before: str
    """Commit to compare with."""
    tasks: tuple[str, ...] = ("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram", "cola")
    encoders: tuple[str, ...] = ("mobile", "separable")
    source: str = "builtin:32"
    batch_size: int = 64
    steps: tuple[int, int] = (5, 45)
    """Steps of the short and of the long run."""
    rounds: int = 5
    csv: Path = RESULTS


def main(wanted: TrainingSpeed) -> None:
    rows = []
    with TemporaryDirectory(prefix="training-speed-") as place:
        old = checked_out(wanted.before, Path(place) / "before")
        for encoder in wanted.encoders:
            for task in wanted.tasks:
                rows.append(row(task, encoder, wanted, old))
                write_rows(wanted.csv, rows)


def row(task: str, encoder: str, wanted: TrainingSpeed, old: Path) -> dict[str, Any]:
    """Time the steps of one task and encoder in both versions, in turn."""
    found: dict[Path, list[float]] = {old: [], ROOT: []}
    for _ in range(1 + wanted.rounds):  # the first compiles the modules and fills caches
        for tree, times in found.items():
            times.append(step_ms(task, encoder, wanted, tree))
    before, now = (np.array(times[1:])[:, None] for times in found.values())
    gain = ratio(before, now)
    about = {
        "task": task,
        "encoder": encoder,
        "batch_size": wanted.batch_size,
        "step_ms": f"{np.median(now):.1f}",
        "before": wanted.before,
        "before_step_ms": f"{np.median(before):.1f}",
        "times_as_fast": f"{gain.value:.2f}",
        "low_95": f"{gain.low:.2f}",
        "high_95": f"{gain.high:.2f}",
        "device": device_name(),
        "torch_version": torch.__version__,
    }
    print(f"{task}, {encoder}: {about['step_ms']} ms, {about['times_as_fast']} times as fast")
    return about


def step_ms(task: str, encoder: str, wanted: TrainingSpeed, tree: Path) -> float:
    """Return the processor time of a step of the version in `tree`."""
    short, long = (
        cpu_s(
            [
                *("pretrain", wanted.source, "--out", "run", "--task", task),
                *("--encoder.name", encoder, "--batch-size", str(wanted.batch_size)),
                *("--steps", str(steps), "--accelerator", "cpu", "--validate-every", "1000"),
            ],
            tree,
        )
        for steps in wanted.steps
    )
    return 1000 * (long - short) / (wanted.steps[1] - wanted.steps[0])


if __name__ == "__main__":
    main(tyro.cli(TrainingSpeed, description=__doc__))
