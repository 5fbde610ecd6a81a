"""finetune: train the encoder on labels, from a run's weights or from random ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, progress
from tiny_audio_ssl.commands.task_options import TrainingTaskOptions
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.utils.allocator import keep_freed_memory
from tiny_audio_ssl.utils.files import check_writable
from tiny_audio_ssl.utils.ownership import check_distinct, check_no_input

if TYPE_CHECKING:
    from tiny_audio_ssl.embedding.embedder import Embedder
    from tiny_audio_ssl.evaluation.finetuning.protocols import FinetuneProtocol
    from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
    from tiny_audio_ssl.evaluation.probing.scores import Score


@dataclass
class Finetune(Command):
    """Train encoder and linear heads end to end on labels, and test on held-out recordings.

    The splits are those of `probe`. --from-scratch and --multi-head use only the settings of the
    run: they show what labels alone achieve with an encoder of that size.
    """

    start: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run, checkpoint or model name; it is not changed."""
    tasks: Annotated[TrainingTaskOptions, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingTaskOptions
    )
    from_scratch: bool = False
    """Start from random weights, as a supervised baseline."""
    multi_head: bool = False
    """Train one encoder with a head for each task of a suite, from random weights. A task that
    would lose a class because other tasks test on its recordings gets a separate encoder."""
    training: Annotated[FinetuneConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=FinetuneConfig
    )
    allow_missing: bool = False
    """Continue without recordings that are missing or can't be decoded."""
    cache_dir: Path | None = None
    """Folder for decoded audio."""
    out: Path | None = None
    """JSON file for every prediction, in the format of `probe --out`."""
    save: Path | None = None
    """Folder for checkpoints. Trains once more on all recordings, and writes the encoder of each
    task (or of the tasks that share it) into a subfolder, as a checkpoint for embed, probe and
    export."""
    json: bool = False
    """Print the results as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.embedding import embedder as embedding
        from tiny_audio_ssl.evaluation.finetuning.together import compatible
        from tiny_audio_ssl.evaluation.probing import scores
        from tiny_audio_ssl.evaluation.probing.tables import mean_table, task_table
        from tiny_audio_ssl.models.checkpoint import check_replaceable, locate
        from tiny_audio_ssl.utils.claim import claimed

        keep_freed_memory()
        protocol = self._protocol()
        if self.out:
            scores.check_out(self.out, self.tasks.inputs)
        if self.save:
            check_writable(self.save)
        model = embedding.load(self.start)
        tasks = self.tasks.open(self.cache_dir, self.allow_missing)
        groups = compatible(tasks) if self.multi_head else [[task] for task in tasks]
        if self.save:
            check_distinct((_names(group), _folder_name(group)) for group in groups)
            for group in groups:
                check_writable(self._save_folder(group))
                check_replaceable(self._save_folder(group), "--save")
                check_no_input(self._save_folder(group), [locate(self.start)], "--save")
        if self.multi_head:
            for number, group in enumerate(groups, 1):
                err.print(f"encoder {number} of {len(groups)}: {_names(group)}")
        with claimed(self.save, option="--save") if self.save else nullcontext():
            results = self._train(model, groups, protocol)
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
        groups: Sequence[Sequence[OpenedTask]],
        protocol: FinetuneProtocol,
    ) -> list[Score]:
        """Score each group of tasks, and save its encoder if asked to."""
        from tiny_audio_ssl.evaluation.finetuning.protocols import evaluate, save, total_steps

        config = self.training
        saving = [config.training(len(group)).steps if self.save else 0 for group in groups]
        testing = [total_steps(group, config) for group in groups]
        results: list[Score] = []
        with progress(protocol, sum(testing) + sum(saving)) as done:
            for group in groups:
                results += evaluate(model, group, protocol, config, done)
                if self.save:
                    folder = self._save_folder(group)
                    save(folder, model, group, protocol, config, done)
                    err.print(f"saved: {folder}")
        return results

    def _save_folder(self, group: Sequence[OpenedTask]) -> Path:
        assert self.save is not None
        return self.save / _folder_name(group)

    def _protocol(self) -> FinetuneProtocol:
        if self.multi_head and self.from_scratch:
            raise UserError("--multi-head always starts from random weights; drop --from-scratch")
        if self.multi_head:
            return "multi-head"
        return "supervised" if self.from_scratch else "fine-tuning"


def _names(tasks: Sequence[OpenedTask]) -> str:
    return ", ".join(task.task.name for task in tasks)


def _folder_name(tasks: Sequence[OpenedTask]) -> str:
    names = [re.sub(r"[^A-Za-z0-9.]+", "-", task.task.name).strip("-.") for task in tasks]
    return "+".join(names) or "encoder"
