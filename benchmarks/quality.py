"""Pre-train every task with both encoders on one folder, then probe each on labelled recordings.

python benchmarks/quality.py ../shared/data --out runs/quality

A run that is there already is gone on with, or left as it is when finished.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

import tiny_audio_ssl
from tiny_audio_ssl import checkpoint, embedding, probing, runs
from tiny_audio_ssl.cache import open_cache
from tiny_audio_ssl.corpus import open_corpus
from tiny_audio_ssl.encoders import ENCODERS, EncoderConfig
from tiny_audio_ssl.files import atomic_file
from tiny_audio_ssl.latency import device_name
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.settings import PretrainConfig, TrainingConfig

RESULTS = Path(__file__).parent / "results" / "quality.csv"


@dataclass(frozen=True)
class Labelled:
    """A probe: which manifest of the data folder, which column, how it is split."""

    manifest: str
    label: str
    fold: str | None = None
    group: str | None = None
    where: tuple[str, ...] = ()


PROBES = {
    "ESC-10": Labelled("esc50/meta.csv", "category", fold="fold", where=("esc10=TRUE",)),
    "speech commands": Labelled(
        "keywords/meta.csv", "word", group="speaker", where=("corpus=speech_commands",)
    ),
}


@dataclass(frozen=True)
class Quality:
    """Pre-train, probe, write one row for each embedding and probe."""

    data: Annotated[Path, tyro.conf.Positional]
    """The folder with all recordings, and the labelled manifests in it."""
    out: Path = Path("runs/quality")
    """Where the runs go."""
    csv: Path = RESULTS
    tasks: tuple[str, ...] = tuple(PRETEXTS)
    encoders: tuple[str, ...] = tuple(ENCODERS)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingConfig
    )
    probe_only: bool = False
    """Probe the runs that are there; train nothing."""


def main(quality: Quality) -> None:
    names = [(task, encoder) for encoder in quality.encoders for task in quality.tasks]
    if not quality.probe_only:
        for task, encoder in names:
            train(quality, task, encoder)
    found = [n for n in names if (quality.out / "-".join(n) / "last").exists()]
    rows = [row for name in PROBES for row in probe(quality, name, found)]
    with atomic_file(quality.csv) as work, work.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    show(rows)


def train(quality: Quality, task: str, encoder: str) -> None:
    run = quality.out / f"{task}-{encoder}"
    if not (run / "last").exists():
        config = PretrainConfig(
            task, PRETEXTS[task].Config(), EncoderConfig(encoder), training=quality.training
        )
        runs.pretrain(str(quality.data), run, config)
    elif checkpoint.load(run).progress["step"] < quality.training.steps:
        runs.resume(run)


def probe(quality: Quality, name: str, found: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """A row for each run, and for the floors of each encoder."""
    labelled = PROBES[name]
    recordings = open_cache(open_corpus(quality.data / labelled.manifest))
    chosen = probing.labelled(recordings, labelled.label, labelled.where)
    folds = probing.splits(chosen, labelled.label, labelled.fold, labelled.group)
    for encoder in dict.fromkeys(encoder for _, encoder in found):
        tasks = [task for task, e in found if e == encoder]
        folders = [quality.out / f"{task}-{encoder}" for task in tasks]
        models = [(t, embedding.load(f)) for t, f in zip(tasks, folders, strict=True)]
        for result in probing.compare(models, chosen, labelled.label, folds):
            own = result.model in tasks
            yield {
                "probe": name,
                "encoder": encoder,
                "embedding": result.model,
                "accuracy": round(result.accuracy, 4),
                "std_over_folds": round(result.std, 4),
                "clips": result.clips,
                "classes": result.classes,
                "folds": len(result.folds),
                **about(quality.out / f"{result.model}-{encoder}" if own else None),
                "device": device_name(),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "tiny_audio_ssl": tiny_audio_ssl.__version__,
            }


def about(run: Path | None) -> dict[str, Any]:
    """How long it was trained, on how much."""
    found = checkpoint.load(run).run if run else {"training": {}, "corpus": {}}
    steps, size = found["training"].get("steps", 0), found["training"].get("batch_size", 0)
    return {
        "steps": steps,
        "batch_size": size,
        "recordings": found["corpus"].get("recordings", 0),
        "hours": found["corpus"].get("hours", 0),
    }


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="Accuracy of a linear probe")
    for name in ("probe", "encoder", "embedding", "accuracy", "std"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        figures = (f"{row['accuracy']:.3f}", f"{row['std_over_folds']:.3f}")
        table.add_row(row["probe"], row["encoder"], row["embedding"], *figures)
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Quality, description=__doc__))
