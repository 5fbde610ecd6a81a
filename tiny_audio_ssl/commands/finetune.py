"""finetune: train the encoder on labels, from a run's weights or from random ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, progress, report_skipped
from tiny_audio_ssl.commands.probe import TrainingQuestions
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation import finetuning
from tiny_audio_ssl.evaluation.finetuning import FinetuneConfig
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.tables import mean_table, task_table


@dataclass
class Finetune(Command):
    """Train encoder and linear heads end to end on labels, and test on recordings held out.

    The same splits as `probe` has. With --from-scratch or --multi-head the run gives its settings
    only: what labels alone bring at that size.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run or checkpoint; it stays as it is."""
    questions: Annotated[TrainingQuestions, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingQuestions
    )
    from_scratch: bool = False
    """Begin with random weights: the supervised baseline."""
    multi_head: bool = False
    """One encoder for all tasks of a suite, from random weights, with a head for each. Tasks that
    may not train on what another tests get an encoder of their own if a class is lost so."""
    training: Annotated[FinetuneConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=FinetuneConfig
    )
    allow_missing: bool = False
    """Go on without recordings that are absent or can't be decoded."""
    cache_dir: Path | None = None
    """Where decoded audio is kept."""
    out: Path | None = None
    """A .json file for every prediction, as `probe --out` writes it."""
    save: Path | None = None
    """Train once more on all recordings, and write each task's encoder (or that of the tasks that
    share it) into a folder in this one, a checkpoint for embed, probe and export."""
    json: bool = False
    """Print the results as JSON."""

    def run(self) -> int:
        protocol = self._protocol()
        model = embedding.load(self.folder)
        tasks = [
            open_task(task, self.cache_dir, self.allow_missing) for task in self.questions.tasks()
        ]
        for task in tasks:
            report_skipped(task.skipped)
        together = finetuning.compatible(tasks) if self.multi_head else [[task] for task in tasks]
        if self.multi_head:
            for number, some in enumerate(together, 1):
                names = ", ".join(task.task.name for task in some)
                err.print(f"encoder {number} of {len(together)}: {names}", markup=False)
        results = self._train(model, together, protocol)
        if self.out:
            scores.write(self.out, results)
        if self.json:
            print(json.dumps([score.summary() for score in results]))
        else:
            for score in results:
                out.print(task_table([score]))
            if len(results) > 1:
                out.print(mean_table(results))
        return 0

    def _train(
        self,
        model: Embedder,
        together: Sequence[Sequence[OpenedTask]],
        protocol: finetuning.FinetuneProtocol,
    ) -> list[scores.Score]:
        """Score each group of tasks, and save its encoder if asked to."""
        config = self.training
        once = [config.training(len(some)).steps if self.save else 0 for some in together]
        tested = [finetuning.total_steps(some, config) for some in together]
        results: list[scores.Score] = []
        with progress(protocol, sum(tested) + sum(once)) as done:
            for some in together:
                results += finetuning.evaluate(model, some, protocol, config, done)
                if self.save:
                    folder = self.save / _folder_name(some)
                    finetuning.save(folder, model, some, protocol, config, done)
                    err.print(f"saved: {folder}", markup=False)
        return results

    def _protocol(self) -> finetuning.FinetuneProtocol:
        if self.multi_head and self.from_scratch:
            raise UserError("--multi-head begins with random weights anyway; drop --from-scratch")
        if self.multi_head:
            return "multi-head"
        return "supervised" if self.from_scratch else "fine-tuning"


def _folder_name(tasks: Sequence[OpenedTask]) -> str:
    names = [re.sub(r"[^A-Za-z0-9.]+", "-", task.task.name).strip("-.") for task in tasks]
    return "+".join(names) or "encoder"
