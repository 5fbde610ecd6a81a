"""probe: how good is an embedding?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, progress, report_skipped
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing import heads, scores
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, random_weights
from tiny_audio_ssl.evaluation.probing.protocols import PROTOCOLS, evaluate
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.evaluation.probing.tables import (
    class_table,
    confusion_table,
    mean_table,
    task_table,
)
from tiny_audio_ssl.export.artifact_model import open_model


@dataclass(frozen=True)
class Questions:
    """What is asked: one task (a manifest or a dataset), or the tasks of a suite."""

    data: str | None = None
    """The CSV manifest with the labels, or `builtin`; with --dataset, the folder of that."""
    dataset: str | None = None
    """A published dataset in its own layout; `tiny-audio-ssl datasets` lists them."""
    suite: Path | None = None
    """A TOML file of [[task]] tables, instead of --data."""
    root: Path | None = None
    """The folder that the sources of a suite are relative to; the suite's own if left out."""
    label: str = EvaluationTask.label
    """Column with the labels; rows without one are left out."""
    fold: str | None = None
    """Column with official folds: each is tested once."""
    split: str | None = None
    """Column with an official split: train, validation (may be absent), test."""
    group: str | None = None
    """Column whose groups (speakers) never stand on both sides."""
    where: tuple[str, ...] = ()
    """Only rows with COLUMN=VALUE, or without it by COLUMN!=VALUE; all conditions hold."""
    folds: int = EvaluationTask.folds
    """How many folds are drawn, if none are official."""
    seed: int = EvaluationTask.seed
    """Of the drawn folds."""

    def tasks(self) -> list[EvaluationTask]:
        if (self.suite is None) == (self.data is None):
            raise UserError("expected either --data LABELS.csv or --suite tasks.toml")
        if self.suite is not None:
            return read_suite(self.suite, self.root)
        own = ("dataset", "label", "fold", "split", "group", "where", "folds", "seed")
        name = self.dataset or f"{self.label} in {Path(str(self.data)).name}"
        return [EvaluationTask(name, str(self.data), **{key: getattr(self, key) for key in own})]


@dataclass(frozen=True)
class TrainingQuestions(Questions):
    """For commands that train: --seed is that of training there."""

    seed: Annotated[int, tyro.conf.arg(name="folds-seed")] = EvaluationTask.seed
    """Of the drawn folds."""


@dataclass
class Probe(Command):
    """Judge embeddings by what can be read from them: labels, by several protocols.

    Beside the runs: the same encoder with random weights, and log-mel statistics. An embedding
    that does not beat both has learned nothing worth shipping.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs or checkpoints."""
    model: tuple[str, ...] = ()
    """Other models beside them: hear:package.module (any with the HEAR API), random:RUN, logmel,
    logmel:all."""
    weights: tuple[str, ...] = ()
    """What each hear: model loads, in their order; left out, they load none."""
    questions: Annotated[Questions, tyro.conf.OmitArgPrefixes] = field(default_factory=Questions)
    protocols: tuple[str, ...] = ("linear",)
    """Any of linear, knn, few-shot-1, few-shot-5, few-shot-20; the embedding stays frozen."""
    readout: tuple[str, ...] = ()
    """What the runs' embeddings are made of: last, middle, mel; as each checkpoint says if left
    out."""
    baselines: bool = True
    """Probe random weights and log-mel statistics too."""
    window_s: float | None = None
    """Embed windows of that length and average them; whole recordings if left out."""
    allow_missing: bool = False
    """Go on without recordings that are absent or can't be decoded."""
    cache_dir: Path | None = None
    """Where decoded audio and embeddings are kept."""
    out: Path | None = None
    """A .json file for every prediction; `tiny-audio-ssl report` reads it."""
    save_head: Path | None = None
    """Fit the linear probe of the run on all labelled recordings and keep it for `export --head`: a
    .safetensors file, whose name is the head's, or a folder with one for each task."""
    per_class: bool = False
    """Print precision, recall and F1 of each class, and the confusion matrix."""
    json: bool = False
    """Print the results as JSON."""

    def run(self) -> int:
        self._check()
        models = self._models()
        labelled = [self._opened(task) for task in self.questions.tasks()]
        store = EmbeddingStore(self.cache_dir, self.window_s)
        results: list[Score] = []
        with progress("probing", len(labelled) * len(self.protocols) * len(models)) as done:
            for task in labelled:
                for protocol in self.protocols:
                    for model in models:
                        results.append(evaluate(model, task, protocol, store))
                        done(1)
        if self.out:
            scores.write(self.out, results)
        if self.save_head:
            self._save_heads(self.save_head, models[0], labelled, results, store)
        if self.json:
            print(json.dumps([score.summary() for score in results]))
        else:
            self._print(results)
        return 0

    def _check(self) -> None:
        """What can be known to be wrong before anything is computed."""
        if not self.runs and not self.model:
            raise UserError("no run given; e.g. tiny-audio-ssl probe RUN --data labels.csv")
        if unknown := [name for name in self.protocols if name not in PROTOCOLS]:
            raise UserError(
                f"protocol {', '.join(unknown)} is not known; choose from {', '.join(PROTOCOLS)}"
            )

        if self.save_head and (len(self.runs) != 1 or "linear" not in self.protocols):
            raise UserError(
                "--save-head keeps the linear probe of one run; give one RUN, and linear among "
                "the --protocols"
            )
        if self.save_head and self.save_head.suffix == heads.SUFFIX:
            heads.name_of(self.save_head)
            if (tasks := len(self.questions.tasks())) > 1:
                raise UserError(f"{self.save_head}: one file for {tasks} tasks; name a folder")

    def _save_heads(
        self,
        place: Path,
        model: EmbeddingModel,
        labelled: Sequence[OpenedTask],
        results: Sequence[Score],
        store: EmbeddingStore,
    ) -> None:
        assert isinstance(model, Embedder)
        for task in labelled:
            score = next(s for s in results if _is_linear(s, model, task))
            file = place if place.suffix == heads.SUFFIX else place / heads.file_name(score.task)
            heads.write(file, heads.fit(model, task, score, store))
            err.print(f"{file}: {len(task.classes)} labels of {len(task)} clips", markup=False)

    def _models(self) -> list[EmbeddingModel]:
        runs = [embedding.load(run, self.readout) for run in dict.fromkeys(self.runs)]
        peers = [spec for spec in self.model if spec.startswith("hear:")]
        if self.weights and len(self.weights) != len(peers):
            raise UserError(
                f"{len(self.weights)} --weights for {len(peers)} hear: models; give one for each"
            )
        weights = iter(self.weights)
        others = [
            open_model(spec, next(weights, None) if spec in peers else None) for spec in self.model
        ]
        models: list[EmbeddingModel] = [*runs, *others]
        if self.baselines:
            known = {model.identity for model in models}
            models += [floor for floor in floors(runs) if floor.identity not in known]
        names = [model.name for model in models]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UserError(f"two models are called {', '.join(twice)}; probe them one by one")
        return models

    def _opened(self, task: EvaluationTask) -> OpenedTask:
        found = open_task(task, self.cache_dir, self.allow_missing)
        report_skipped(found.skipped)
        return found

    def _print(self, results: Sequence[Score]) -> None:
        tasks = list(dict.fromkeys(score.task for score in results))
        for task in tasks:
            out.print(task_table([score for score in results if score.task == task]))
        if len(tasks) > 1:
            out.print(mean_table(results))
        for score in results if self.per_class else ():
            out.print(class_table(score), confusion_table(score))


def _is_linear(score: Score, model: EmbeddingModel, task: OpenedTask) -> bool:
    return (score.task, score.model, score.protocol) == (task.task.name, model.name, "linear")


def floors(runs: Sequence[Embedder]) -> list[EmbeddingModel]:
    """Random weights once for each encoder there is, and log-mel statistics."""
    untrained: dict[str, tuple[str, Embedder]] = {}
    for run in runs:
        model = random_weights(run)
        untrained.setdefault(model.identity, (run.name, model))
    if len(untrained) > 1:
        for name, model in untrained.values():
            model.name = f"random weights of {name}"
    return [*(model for _, model in untrained.values()), LogMelStatistics()]
