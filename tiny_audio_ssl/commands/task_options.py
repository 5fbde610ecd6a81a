"""Options that several commands share: which labels to predict, and how to split recordings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from tiny_audio_ssl.commands.base import report_skipped
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.datasets.suite import select_tasks

if TYPE_CHECKING:
    from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask


@dataclass(frozen=True)
class TaskOptions:
    """Labels to predict: one task (a manifest or a dataset), or the tasks of a suite."""

    data: str | None = None
    """CSV manifest with the labels, or `builtin`; with --dataset, the folder that holds it."""
    dataset: str | None = None
    """Published dataset in its original layout; `tiny-audio-ssl datasets` lists them."""
    suite: Path | None = None
    """TOML file with [[task]] tables, in place of --data."""
    root: Path | None = None
    """Folder that the sources of a suite are relative to. Default: the folder of the suite."""
    label: str = EvaluationTask.label
    """Column with the labels; rows without a label are left out."""
    fold: str | None = None
    """Column with official folds; each fold is tested once."""
    split: str | None = None
    """Column with an official split: train, validation (optional), test."""
    group: str | None = None
    """Column with groups (such as speakers) that are never split between training and test."""
    where: tuple[str, ...] = ()
    """Conditions COLUMN=VALUE or COLUMN!=VALUE; only rows that meet all of them are used."""
    folds: int = EvaluationTask.folds
    """Number of random folds if there are no official ones."""
    seed: int = EvaluationTask.seed
    """Random seed for the folds."""

    @property
    def given(self) -> bool:
        """Whether there are labels at all."""
        return self.data is not None or self.suite is not None

    @property
    def inputs(self) -> tuple[str | Path, ...]:
        """The files and folders that are read, which no output may replace."""
        return tuple(path for path in (self.data, self.suite) if path is not None)

    def tasks(self) -> list[EvaluationTask]:
        """Return the tasks. Raises `UserError` if not exactly one of data and suite is given."""
        return select_tasks(**asdict(self))

    def open(self, cache_dir: Path | None, allow_missing: bool = False) -> list[OpenedTask]:
        """Open the tasks, and list the recordings that were left out on stderr."""
        from tiny_audio_ssl.evaluation.probing.labeled import open_task

        opened = [open_task(task, cache_dir, allow_missing) for task in self.tasks()]
        for task in opened:
            report_skipped(task.skipped)
        return opened


@dataclass(frozen=True)
class TrainingTaskOptions(TaskOptions):
    """Labels to predict: one task (a manifest or a dataset), or the tasks of a suite."""

    seed: Annotated[int, tyro.conf.arg(name="folds-seed")] = EvaluationTask.seed
    """Random seed for the folds (--seed is for training)."""
