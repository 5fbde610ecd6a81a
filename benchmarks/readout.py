"""Compare readouts: embeddings made of several parts of the same weights.

The name of a readout says which parts, and after a colon how many cosine coefficients of each.

python benchmarks/readout.py DATA small runs/quality/audio2vec-cbow-mobile runs/quality/...
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
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import PARTS
from tiny_audio_ssl.models.names import is_name
from tiny_audio_ssl.utils.files import read_rows, write_rows

HERE = Path(__file__).parent
PLAIN = {"middle_scale": "linear", "middle_dct": None, "mel_dct": None}
LOG = {"readout": PARTS, "middle_scale": "log"}
READOUTS: dict[str, dict[str, Any]] = {
    "last": {"readout": ("last",)},
    "last middle": {"readout": ("last", "middle")},
    "last log-middle": {"readout": ("last", "middle"), "middle_scale": "log"},
    "last mel": {"readout": ("last", "mel")},
    "last middle mel": {"readout": PARTS},
    "last log-middle mel": LOG,
    "last log-middle:8 mel:24": {**LOG, "middle_dct": 8, "mel_dct": 24},
    "last log-middle:4 mel:24": {**LOG, "middle_dct": 4, "mel_dct": 24},
    "last log-middle:4 mel:16": {**LOG, "middle_dct": 4, "mel_dct": 16},
    "mel": {"readout": ("mel",)},
    "mel:24": {"readout": ("mel",), "mel_dct": 24},
}


@dataclass(frozen=True)
class Compare:
    """Write one row for each run, readout and task. Rows of other runs are kept."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs, or models that come with the package."""
    csv: Path = HERE / "results" / "readout.csv"
    suite: Path = HERE / "suites" / "small.toml"


def main(options: Compare) -> None:
    tasks = [open_task(task) for task in read_suite(options.suite, options.data)]
    rows = [row for run in options.runs for row in judged(run, tasks)]
    known = read_rows(options.csv) if options.csv.exists() else []
    own = {(row["pretext"], row["encoder"]) for row in rows}
    kept = [row for row in known if (row["pretext"], row["encoder"]) not in own]
    write_rows(options.csv, [*rows, *kept])
    show([row for row in rows if row["task"] == AVERAGE])


def judged(run: str, tasks: list[OpenedTask]) -> Iterator[dict[str, Any]]:
    for name, settings in READOUTS.items():
        found = checkpoint.load(run, **(PLAIN | settings))
        model = Embedder(found.model)
        scores = {task.task.name: evaluate(model, task, "linear") for task in tasks}
        about = {
            "pretext": found.run["task"],
            "encoder": run if is_name(run) else found.model.encoder.config.name,
            "readout": name,
            "dim": model.dim,
        }
        end = {
            "steps": found.run["training"]["steps"],
            "tiny_audio_ssl": tiny_audio_ssl.__version__,
        }
        for task, score in scores.items():
            low, high = map(rounded, score.interval)
            accuracy = round(score.accuracy, 4)
            figures = {"task": task, "accuracy": accuracy, "low_95": low, "high_95": high}
            yield {**about, **figures, **end}
        mean = round(float(np.mean([score.accuracy for score in scores.values()])), 4)
        yield {**about, "task": AVERAGE, "accuracy": mean, "low_95": "", "high_95": "", **end}


def show(rows: list[dict[str, Any]]) -> None:
    table = Table("pretext", "encoder", "readout", "dim", "accuracy", title="Mean over the tasks")
    for row in rows:
        names = (row["pretext"], row["encoder"], row["readout"], str(row["dim"]))
        table.add_row(*names, f"{row['accuracy']:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Compare, description=__doc__))
