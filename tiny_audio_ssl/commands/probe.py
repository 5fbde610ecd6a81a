"""probe: score frozen embeddings by how well labels can be predicted from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, progress
from tiny_audio_ssl.commands.task_options import TaskOptions
from tiny_audio_ssl.errors import UserError

if TYPE_CHECKING:
    from tiny_audio_ssl.evaluation.probing.scores import Score


@dataclass
class Probe(Command):
    """Score frozen embeddings by how well labels can be predicted from them.

    Each run is compared with two baselines: the same encoder with random weights, and log-mel
    statistics. An embedding that does not beat both has learned nothing worth shipping.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs, checkpoints, or model names."""
    model: tuple[str, ...] = ()
    """Other models to compare with: hear:package.module (any module with the HEAR API), random:RUN,
    logmel, logmel:all."""
    weights: tuple[str, ...] = ()
    """Weights for each hear: model, in the same order. Default: none for all."""
    tasks: Annotated[TaskOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=TaskOptions)
    protocols: tuple[str, ...] = ("linear",)
    """Protocols: linear, knn, few-shot-1, few-shot-5, few-shot-20."""
    readout: tuple[str, ...] = ()
    """Parts of the runs' embeddings: last, middle, mel. Default: those of each checkpoint."""
    baselines: bool = True
    """Also probe random weights and log-mel statistics."""
    window_s: float | None = None
    """Length of windows in seconds, whose embeddings are averaged. Default: whole recordings are
    embedded."""
    allow_missing: bool = False
    """Continue without recordings that are missing or can't be decoded."""
    cache_dir: Path | None = None
    """Folder for decoded audio and embeddings."""
    out: Path | None = None
    """JSON file for every prediction, which `tiny-audio-ssl report` reads."""
    save_head: Path | None = None
    """File for a head: fits the linear probe of the run on all labeled recordings and saves it for
    `export --head`. A .safetensors file, which names the head, or a folder with one head per task.
    """
    per_class: bool = False
    """Print precision, recall and F1 of each class, and the confusion matrix."""
    json: bool = False
    """Print the results as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.evaluation.probing import heads, scores
        from tiny_audio_ssl.evaluation.probing.probe import open_models, score_all
        from tiny_audio_ssl.evaluation.probing.protocols import check_protocols
        from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
        from tiny_audio_ssl.export.artifact_model import open_model

        if not self.runs and not self.model:
            raise UserError("no run given; e.g. tiny-audio-ssl probe RUN --data labels.csv")
        check_protocols(self.protocols)
        if self.out:
            scores.check_out(self.out, self.tasks.inputs)
        if self.save_head:
            self._check_head(self.save_head)
            heads.check_target(self.save_head, self.tasks.tasks())
        models = open_models(
            self.runs, self.model, self.weights, self.readout, self.baselines, open_model
        )
        tasks = self.tasks.open(self.cache_dir, self.allow_missing)
        store = EmbeddingStore(self.cache_dir, self.window_s)
        with progress("probing", len(tasks) * len(self.protocols) * len(models)) as done:
            results = score_all(models, tasks, self.protocols, store, done)
        if self.out:
            scores.write(self.out, results)
        if self.save_head:
            for file, head in heads.save(self.save_head, models[0], tasks, results, store):
                err.print(f"{file}: {len(head.labels)} labels of {head.clips} clips")
        if self.json:
            print(json.dumps([score.summary() for score in results]))
        else:
            self._print(results)
        return 0

    def _check_head(self, target: Path) -> None:
        if len(self.runs) != 1 or "linear" not in self.protocols:
            raise UserError(
                f"--save-head {target} saves the linear probe of one run; give one RUN, and linear "
                "among the --protocols"
            )

    def _print(self, results: Sequence[Score]) -> None:
        from tiny_audio_ssl.evaluation.probing.tables import (
            class_table,
            confusion_table,
            mean_table,
            task_table,
        )

        tasks = list(dict.fromkeys(score.task for score in results))
        for task in tasks:
            out.print(task_table([score for score in results if score.task == task]))
        if len(tasks) > 1:
            out.print(mean_table(results))
        for score in results if self.per_class else ():
            out.print(class_table(score), confusion_table(score))
