"""The table of `quality.py`: scores of embeddings on tasks, and their means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept import kept
from rich.console import Console
from rich.table import Table

import tiny_audio_ssl
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel, load
from tiny_audio_ssl.evaluation.finetuning import protocols as finetuning
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.together import compatible
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.models import open_model, random_weights
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.models import checkpoint

AVERAGE, SCORE = "average", "score"
PEERS = {
    "openWakeWord embedding": "hear:openwakeword_embedding",
    "Resemblyzer": "hear:resemblyzer_embedding",
}


@dataclass(frozen=True)
class Cell:
    """One training: a method, an encoder and a seed, in the folder `run`."""

    method: str
    encoder: str
    seed: int
    run: Path

    def __str__(self) -> str:
        return f"{self.method}, {self.encoder}, seed {self.seed}"


def judged(
    out: Path,
    tasks: Sequence[OpenedTask],
    cells: Sequence[Cell],
    peers: bool = True,
    supervised_folds: int = 1,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each embedding and task: models with other encoders, then those with ours.

    Args:
        out: folder in which scores are kept.
        peers: whether the peers are among them.
        supervised_folds: folds to train the supervised baselines in; 0 for none.
    """
    found: list[EmbeddingModel] = [open_model("logmel"), open_model("logmel:all")]
    found += [open_model(spec) for spec in PEERS.values()] if peers else []
    names = ("log-mel statistics", "log-mel statistics, all four", *PEERS)
    for model, name in zip(found, names, strict=False):
        for task in tasks:
            yield row(name, "", "", probe(out, model, task), None)
    for encoder in dict.fromkeys(cell.encoder for cell in cells):
        own = [cell for cell in cells if cell.encoder == encoder]
        for seed in dict.fromkeys(cell.seed for cell in own):
            untrained = random_weights(load(own[0].run), seed)
            for task in tasks:
                yield row("random weights", encoder, seed, probe(out, untrained, task), None)
        for cell in own:
            model = load(cell.run)
            for task in tasks:
                yield row(cell.method, encoder, cell.seed, probe(out, model, task), cell.run)
        if supervised_folds:
            for score in supervised(out, load(own[0].run), tasks, supervised_folds):
                yield row(score.protocol, encoder, "", score, None)


def probe(out: Path, model: EmbeddingModel, task: OpenedTask) -> Score:
    """Return the score of a linear probe."""

    def measured() -> list[Score]:
        return [evaluate(model, task, "linear")]

    what = ["linear", model.identity, asdict(task.task)]
    return kept(out, what, measured, scores.write, scores.read)[0]


def supervised(
    out: Path, model: Embedder, tasks: Sequence[OpenedTask], folds: int
) -> Iterator[Score]:
    """Train each task alone from random weights, then one encoder for tasks that can share it."""
    config = FinetuneConfig(max_folds=folds)
    trained: list[tuple[finetuning.FinetuneProtocol, list[OpenedTask]]] = [
        *(("supervised", [task]) for task in tasks),
        *(("multi-head", group) for group in compatible(tasks)),
    ]
    for protocol, group in trained:
        names = [asdict(task.task) for task in group]
        settings = [asdict(model.model.encoder.config), asdict(config), names]
        measure = partial(finetuning.evaluate, model, group, protocol, config)
        yield from kept(out, [protocol, *settings], measure, scores.write, scores.read)


def row(name: str, encoder: str, seed: int | str, score: Score, run: Path | None) -> dict[str, Any]:
    found = checkpoint.load(run).run if run else {"training": {}, "corpus": {}}
    low, high = score.interval
    return {
        "task": score.task,
        "encoder": encoder,
        "embedding": name,
        "seed": seed,
        "protocol": score.protocol,
        "accuracy": round(score.accuracy, 4),
        "low_95": rounded(low),
        "high_95": rounded(high),
        "interval_is": score.interval_is,
        "recovery": "",
        SCORE: score,
        "clips": len(score.truth),
        "classes": len(score.classes),
        "folds": len(score.folds),
        "steps": found["training"].get("steps", score.details.get("steps", 0)),
        "batch_size": found["training"].get("batch_size", 0),
        "recordings": found["corpus"].get("recordings", 0),
        "hours": found["corpus"].get("hours", 0),
        "device": device_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "tiny_audio_ssl": tiny_audio_ssl.__version__,
    }


def with_averages(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add recovery to each row, and a row with the mean over the tasks of each embedding.

    Recovery is over the folds that the supervised baseline was trained in. The recovery of an
    average is computed from averages: in a mean of recoveries, one task with little to recover
    would outweigh all others.
    """
    at = {(r["task"], r["encoder"], r["embedding"], r["seed"]): r[SCORE] for r in rows}
    averages = []
    for encoder, name, seed in dict.fromkeys(map(embedding_of, rows)):
        own = [r for r in rows if embedding_of(r) == (encoder, name, seed)]
        references = [("random weights", seed), ("supervised", "")]
        compared = []
        for r in own:
            keys = [(r["task"], encoder, *reference) for reference in references]
            if all(key in at for key in keys):
                compared.append(scores.in_shared_folds(r[SCORE], *(at[key] for key in keys)))
                r["recovery"] = rounded(scores.recovery(*compared[-1]))
        mean = round(float(np.mean([r["accuracy"] for r in own])), 4)
        recovered = scores.recovery(*np.mean(compared, axis=0)) if compared else math.nan
        blank = dict.fromkeys(("low_95", "high_95", "interval_is", "clips", "classes", "folds"), "")
        figures = {"task": AVERAGE, "accuracy": mean, "recovery": rounded(float(recovered))}
        averages.append({**own[0], **blank, **figures})
    return [*rows, *averages]


def embedding_of(row: dict[str, Any]) -> tuple[str, str, Any]:
    """Return encoder, name and seed, by which the rows of one embedding are known."""
    return row["encoder"], row["embedding"], row["seed"]


def rounded(figure: float) -> float | str:
    return "" if math.isnan(figure) else round(figure, 4)


def show(rows: Sequence[dict[str, Any]]) -> None:
    tasks = list(dict.fromkeys(r["task"] for r in rows))
    table = Table(title="Accuracy (supervised, multi-head: trained; the rest: linear probe)")
    for name in ("encoder", "embedding", "seed", *tasks):
        table.add_column(name)
    for key in dict.fromkeys(map(embedding_of, rows)):
        own = {r["task"]: r for r in rows if embedding_of(r) == key}
        figures = (f"{own[t]['accuracy']:.3f}" if t in own else "" for t in tasks)
        table.add_row(*map(str, key), *figures)
    Console(width=200).print(table)
