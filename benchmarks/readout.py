"""Compare readouts: embeddings made of several parts of the same weights.

python benchmarks/readout.py DATA runs/quality/audio2vec-cbow-mobile runs/quality/...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from quality_table import AVERAGE, rounded
from rich.console import Console
from rich.table import Table

import tiny_audio_ssl
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import ReadoutPart
from tiny_audio_ssl.utils.files import write_rows

HERE = Path(__file__).parent
READOUTS: tuple[tuple[ReadoutPart, ...], ...] = (
    ("last",),
    ("last", "middle"),
    ("last", "mel"),
    ("last", "middle", "mel"),
    ("mel",),
)


@dataclass(frozen=True)
class Compare:
    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    csv: Path = HERE / "results" / "readout.csv"
    suite: Path = HERE / "suites" / "small.toml"


def main(options: Compare) -> None:
    tasks = [open_task(task) for task in read_suite(options.suite, options.data)]
    rows = [row for run in options.runs for row in judged(run, tasks)]
    write_rows(options.csv, rows)
    show([row for row in rows if row["task"] == AVERAGE])


def judged(run: Path, tasks: list[OpenedTask]) -> Iterator[dict[str, Any]]:
    made = checkpoint.load(run).run
    for parts in READOUTS:
        model = embedding.load(run, parts)
        found = {task.task.name: evaluate(model, task, "linear") for task in tasks}
        about = {
            "pretext": made["task"],
            "encoder": made["encoder"]["name"],
            "readout": " ".join(parts),
            "dim": model.dim,
        }
        end = {"steps": made["training"]["steps"], "tiny_audio_ssl": tiny_audio_ssl.__version__}
        for name, score in found.items():
            low, high = map(rounded, score.interval)
            accuracy = round(score.accuracy, 4)
            figures = {"task": name, "accuracy": accuracy, "low_95": low, "high_95": high}
            yield {**about, **figures, **end}
        mean = round(float(np.mean([score.accuracy for score in found.values()])), 4)
        yield {**about, "task": AVERAGE, "accuracy": mean, "low_95": "", "high_95": "", **end}


def show(rows: list[dict[str, Any]]) -> None:
    table = Table("pretext", "encoder", "readout", "dim", "accuracy", title="Mean over the tasks")
    for row in rows:
        names = (row["pretext"], row["encoder"], row["readout"], str(row["dim"]))
        table.add_row(*names, f"{row['accuracy']:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Compare, description=__doc__))
