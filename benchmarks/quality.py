"""Pre-train by every method with both encoders on one folder, then probe each on ten tasks.

PYTHONPATH=benchmarks/peers python benchmarks/quality.py DATA --out runs/quality

Existing runs are continued and existing scores kept, so it may be stopped and started again at any
time. DATA is laid out as `suites/small.toml` describes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

import tiny_audio_ssl
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.finetuning import protocols as finetuning
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.together import compatible
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import open_model, random_weights
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import ENCODERS
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.utils.files import write_rows

HERE = Path(__file__).parent
AVERAGE, SCORE = "average", "score"
TEACHER = "openwakeword_embedding"


@dataclass(frozen=True)
class Method:
    """A row of the table: a pretext task, and its settings that differ from the defaults."""

    task: str
    settings: dict[str, Any] = field(default_factory=dict)


METHODS = {
    "temporal-gap": Method("temporal-gap"),
    "audio2vec-cbow": Method("audio2vec-cbow"),
    "audio2vec-skipgram": Method("audio2vec-skipgram"),
    "autoencoder": Method("autoencoder"),
    "triplet": Method("triplet"),
    "cola": Method("cola"),
    "cola-augmented": Method(
        "cola", {"clip_ms": 975.0, "slice_ms": 675.0, "mixup": 0.4, "resize": True}
    ),
    "byol-a": Method("byol-a"),
    "combined": Method("combined"),
    "distillation": Method("distillation", {"teacher": TEACHER}),
}
PEERS = {
    "openWakeWord embedding": f"hear:{TEACHER}",
    "Resemblyzer": "hear:resemblyzer_embedding",
}


@dataclass(frozen=True)
class Quality:
    """Pre-train, probe, and write one row for each embedding and task."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with all recordings and the labeled manifests."""
    out: Path = Path("runs/quality")
    """Folder for runs and scores."""
    csv: Path = HERE / "results" / "quality.csv"
    suite: Path = HERE / "suites" / "small.toml"
    methods: tuple[str, ...] = tuple(METHODS)
    encoders: tuple[str, ...] = tuple(ENCODERS)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=lambda: TrainingConfig(steps=1500)
    )
    supervised_folds: int = 1
    """Folds to train the supervised baselines in, which takes longest; 0 for none."""
    peers: bool = True
    """Probe the peers too; they need the packages openwakeword and resemblyzer."""
    score_only: bool = False
    """Probe existing runs only; train nothing."""


def main(quality: Quality) -> None:
    if not quality.score_only:
        for encoder in quality.encoders:
            for method in quality.methods:
                train(quality, method, encoder)
    tasks = [open_task(task) for task in read_suite(quality.suite, quality.data)]
    rows = list(judged(quality, tasks))
    rows = [{k: v for k, v in row.items() if k != SCORE} for row in with_averages(rows)]
    write_rows(quality.csv, rows)
    show(rows)


def train(quality: Quality, method: str, encoder: str) -> None:
    run, chosen = quality.out / f"{method}-{encoder}", METHODS[method]
    if not (run / "last").exists():
        pretext = pretext_class(chosen.task).Config(**chosen.settings)
        config = PretrainConfig(
            chosen.task, pretext, EncoderConfig(encoder), training=quality.training
        )
        runs.pretrain(str(quality.data), run, config)
    elif checkpoint.load(run).progress["step"] < quality.training.steps:
        runs.resume(run)


def judged(quality: Quality, tasks: Sequence[OpenedTask]) -> Iterator[dict[str, Any]]:
    """Yield a row for each embedding and task: models without an encoder of ours, then ours."""
    found: list[EmbeddingModel] = [open_model("logmel"), open_model("logmel:all")]
    found += [open_model(spec) for spec in PEERS.values()] if quality.peers else []
    names = ("log-mel statistics", "log-mel statistics, all four", *PEERS)
    for model, name in zip(found, names, strict=False):
        for task in tasks:
            yield row(name, "", probe(quality, model, task), None)
    for encoder in quality.encoders:
        folders = {m: quality.out / f"{m}-{encoder}" for m in quality.methods}
        folders = {m: folder for m, folder in folders.items() if (folder / "last").exists()}
        opened: dict[str, Embedder] = {m: open_model(f) for m, f in folders.items()}  # type: ignore[misc]
        if not opened:
            continue
        any_run = next(iter(opened.values()))
        untrained = random_weights(any_run)
        for task in tasks:
            yield row("random weights", encoder, probe(quality, untrained, task), None)
            for method, model in opened.items():
                yield row(method, encoder, probe(quality, model, task), folders[method])
        for score in supervised(quality, any_run, tasks):
            yield row(score.protocol, encoder, score, None)


def probe(quality: Quality, model: EmbeddingModel, task: OpenedTask) -> Score:
    def measured() -> list[Score]:
        return [evaluate(model, task, "linear")]

    return kept(quality, ["linear", model.identity, asdict(task.task)], measured)[0]


def supervised(quality: Quality, model: Embedder, tasks: Sequence[OpenedTask]) -> Iterator[Score]:
    """Train each task alone from random weights, then one encoder for tasks that can share it."""
    if not quality.supervised_folds:
        return
    config = FinetuneConfig(max_folds=quality.supervised_folds)
    alone: list[tuple[finetuning.FinetuneProtocol, list[OpenedTask]]] = [
        ("supervised", [t]) for t in tasks
    ]
    shared = [("multi-head", group) for group in compatible(tasks)]
    for protocol, group in [*alone, *shared]:
        names = [asdict(task.task) for task in group]
        settings = [asdict(model.model.encoder.config), asdict(config), names]

        def measured(protocol=protocol, group=group) -> list[Score]:  # type: ignore[no-untyped-def]
            return finetuning.evaluate(model, group, protocol, config)

        yield from kept(quality, [protocol, *settings], measured)


def kept(quality: Quality, what: Any, measure: Any) -> list[Score]:
    """Return the scores of an earlier start, or measure and keep them."""
    key = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]
    file = quality.out / "scores" / f"{what[0]}-{key}.json"
    if not file.exists():
        scores.write(file, measure())
    return scores.read(file)


def row(name: str, encoder: str, score: Score, run: Path | None) -> dict[str, Any]:
    found = checkpoint.load(run).run if run else {"training": {}, "corpus": {}}
    low, high = score.interval
    return {
        "task": score.task,
        "encoder": encoder,
        "embedding": name,
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
    at = {(r["task"], r["encoder"], r["embedding"]): r[SCORE] for r in rows}
    averages = []
    for encoder, name in dict.fromkeys((r["encoder"], r["embedding"]) for r in rows):
        own = [r for r in rows if (r["encoder"], r["embedding"]) == (encoder, name)]
        compared = []
        for r in own:
            references = [at.get((r["task"], encoder, n)) for n in ("random weights", "supervised")]
            if all(references):
                compared.append(scores.in_shared_folds(r[SCORE], *references))  # type: ignore[arg-type]
                r["recovery"] = rounded(scores.recovery(*compared[-1]))
        mean = round(float(np.mean([r["accuracy"] for r in own])), 4)
        recovered = scores.recovery(*np.mean(compared, axis=0)) if compared else math.nan
        blank = dict.fromkeys(("low_95", "high_95", "interval_is", "clips", "classes", "folds"), "")
        figures = {"task": AVERAGE, "accuracy": mean, "recovery": rounded(float(recovered))}
        averages.append({**own[0], **blank, **figures})
    return [*rows, *averages]


def rounded(figure: float) -> float | str:
    return "" if math.isnan(figure) else round(figure, 4)


def show(rows: Sequence[dict[str, Any]]) -> None:
    tasks = list(dict.fromkeys(r["task"] for r in rows))
    table = Table(title="Accuracy (supervised, multi-head: trained; the rest: linear probe)")
    for name in ("encoder", "embedding", *tasks):
        table.add_column(name)
    for encoder, name in dict.fromkeys((r["encoder"], r["embedding"]) for r in rows):
        own = {r["task"]: r for r in rows if (r["encoder"], r["embedding"]) == (encoder, name)}
        figures = (f"{own[t]['accuracy']:.3f}" if t in own else "" for t in tasks)
        table.add_row(encoder, name, *figures)
    Console(width=200).print(table)


if __name__ == "__main__":
    main(tyro.cli(Quality, description=__doc__))
