"""Probe changed sound: a linear probe is trained on clean sound and tested on changed sound.

PYTHONPATH=benchmarks/peers python benchmarks/robustness.py DATA "mel statistics=logmel:all" \\
    small=small mn04_as=hear:mn04_embedding@mn04_as.safetensors

Embeddings are kept, so it may be stopped and started again. DATA is laid out as
`suites/small.toml` describes; the changes are in `sound_changes`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from named_models import open_named
from rich.console import Console
from rich.table import Table
from sound_changes import CHANGES, Change, Floats

import tiny_audio_ssl
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.embedding.embedder import EmbeddingModel
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.protocols import fit_training_part
from tiny_audio_ssl.evaluation.probing.scores import Fit, Score
from tiny_audio_ssl.utils.files import atomic_file, write_rows

HERE = Path(__file__).parent
AVERAGE = "average"
BATCH = 32
SEED = 0


@dataclass(frozen=True)
class Robustness:
    """Write one row for each model, change and task."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """NAME=MODEL: a run, `logmel:all` or hear:MODULE@WEIGHTS."""
    out: Path = Path("runs/robustness")
    """Folder for embeddings."""
    csv: Path = HERE / "results" / "robustness.csv"
    suite: Path = HERE / "suites" / "small.toml"


Sounds = dict[str, tuple[Recordings, int]]  # by the hash of their samples


def main(wanted: Robustness) -> None:
    """Embed every sound with every change, probe, and write the table."""
    models = open_named(wanted.models)
    tasks = [open_task(task) for task in read_suite(wanted.suite, wanted.data)]
    sounds: Sounds = {
        content: (task.recordings, i) for task in tasks for i, content in enumerate(task.contents)
    }
    embedded = {change: embeddings(models, change, sounds, wanted.out) for change in CHANGES}
    rows = [row for name in models for row in rows_of(name, tasks, sounds, embedded)]
    write_rows(wanted.csv, rows)
    show(rows)


def embeddings(
    models: dict[str, EmbeddingModel], change: str, sounds: Sounds, out: Path
) -> dict[str, Floats]:
    """Return the embeddings [sounds, D] by model; those that are not in the folder are computed."""
    files = {name: out / f"{key(model, change, sounds)}.npy" for name, model in models.items()}
    missing = {name: model for name, model in models.items() if not files[name].exists()}
    if missing:
        waves = [changed(CHANGES[change], content, *sounds[content]) for content in sounds]
    for name, model in missing.items():
        with atomic_file(files[name]) as work, work.open("wb") as file:
            np.save(file, embed(model, waves))
    return {name: np.load(file) for name, file in files.items()}


def key(model: EmbeddingModel, change: str, sounds: Sounds) -> str:
    """Return a hash of all that the embeddings depend on."""
    code = (HERE / "sound_changes.py").read_text(encoding="utf-8")
    about = repr([model.identity, change, SEED, code, *sounds])
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def changed(change: Change, content: str, recordings: Recordings, index: int) -> Floats:
    """Read a recording and change it, in the same way each time."""
    rng = np.random.default_rng([SEED, int(content[:8], 16)])
    return change(recordings.read(index), rng)


def embed(model: EmbeddingModel, waves: Sequence[Floats]) -> Floats:
    """Embed waves of any lengths, equal ones together."""
    order = sorted(range(len(waves)), key=lambda i: len(waves[i]))
    found = np.empty((len(waves), model.dim), np.float32)
    first = 0
    while first < len(order):
        samples = len(waves[order[first]])
        batch = [i for i in order[first : first + BATCH] if len(waves[i]) == samples]
        found[batch] = model.embed(np.stack([waves[i] for i in batch]))
        first += len(batch)
    return found


def rows_of(
    name: str, tasks: Sequence[OpenedTask], sounds: Sounds, embedded: dict[str, dict[str, Floats]]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each change and task, and one with the mean of the tasks."""
    place = {content: i for i, content in enumerate(sounds)}
    rows: list[dict[str, Any]] = []
    for task in tasks:
        own = [place[content] for content in task.contents]
        x = {change: embedded[change][name][own] for change in CHANGES}
        for change, score in scores(name, task, x).items():
            low, high = (round(end, 4) for end in score.interval)
            about = {"model": name, "change": change, "task": task.task.name}
            rows.append(
                {**about, "accuracy": round(score.accuracy, 4), "low_95": low, "high_95": high}
            )
    for change in CHANGES:
        mean = np.mean([row["accuracy"] for row in rows if row["change"] == change])
        about = {"model": name, "change": change, "task": AVERAGE}
        rows.append({**about, "accuracy": round(float(mean), 4), "low_95": "", "high_95": ""})
    yield from ({**row, **machine()} for row in rows)


def scores(name: str, task: OpenedTask, x: dict[str, Floats]) -> dict[str, Score]:
    """Train on clean sound in each fold, and predict the test part of every change."""
    fits: dict[str, list[Fit]] = {change: [] for change in x}
    for fold, one in enumerate(task.splits):
        probe = fit_training_part(x["clean"], task, one)
        for change, found in x.items():
            fits[change].append(Fit(fold, 0, one.test, probe.predict(found[one.test])))
    about = (task.task.name, name, "linear", task.classes, task.truth)
    return {
        change: Score(*about, own, {}, task.groups, task.sounds) for change, own in fits.items()
    }


def machine() -> dict[str, Any]:
    """Return where it was measured, and with which versions."""
    versions = {"torch": torch.__version__, "tiny_audio_ssl": tiny_audio_ssl.__version__}
    return {"device": device_name(), "threads": torch.get_num_threads(), **versions}


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the means over the tasks."""
    means = {(r["change"], r["model"]): r["accuracy"] for r in rows if r["task"] == AVERAGE}
    names = list(dict.fromkeys(row["model"] for row in rows))
    table = Table("change", *names, title="Mean accuracy of the tasks")
    for change in CHANGES:
        table.add_row(change, *(f"{means[change, name]:.3f}" for name in names))
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Robustness, description=__doc__))
