"""Decide which tasks may share an encoder, so that no task trains on what another is tested on.

In run i of a multi-head model, every task is tested on its own fold i. A recording of that fold is
identified by its samples, its file, and the values of the columns that its task splits by (speaker,
source, official fold). Anything that shares one of these is removed from the training parts of all
other tasks in run i: other spans of the same file, and recordings of the same speaker even if only
the other task lists them.

This may remove whole classes: emotion holds speakers out, so speaker identification would lose
those speakers. If a task would lose a class that it could train on alone, the tasks do not share an
encoder: each task goes, in the given order, into the first model in which all tasks keep their
classes (greedy coloring; the whole model is checked, since two tasks may each take half a class).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiny_audio_ssl.evaluation.finetuning.crops import Ints
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask

Mark = tuple[str, ...]  # equal for recordings of the same sound or group


def compatible(tasks: Sequence[OpenedTask]) -> list[list[OpenedTask]]:
    """Group the tasks so that each group may share an encoder."""
    models: list[list[_Known]] = []
    for task in map(_known, tasks):
        for model in models:
            if not _losses([*model, task]):
                model.append(task)
                break
        else:
            models.append([task])
    return [[known.task for known in model] for model in models]


def losses(tasks: Sequence[OpenedTask]) -> list[str]:
    """List the tasks that would lose classes in one model for all, and how many; empty if none."""
    return _losses([_known(task) for task in tasks])


def runs(tasks: Sequence[OpenedTask]) -> int:
    """Return how many runs it takes to test each fold of each task once."""
    return max(len(task.splits) for task in tasks)


def training_parts(tasks: Sequence[OpenedTask], run: int) -> list[Ints]:
    """Return each task's training recordings in a run, without those that other tasks test.

    A task with fewer splits than runs cycles through its splits, and is not tested again.
    """
    return _training_parts([_known(task) for task in tasks], run)


@dataclass(frozen=True)
class _Known:
    """A task, and the marks that identify each of its recordings."""

    task: OpenedTask
    marks: list[set[Mark]]  # samples, file and every column of each recording
    split_by: set[Mark]  # (source, column) of its group, fold and split

    def tested(self, run: int) -> set[Mark]:
        """Return the marks that no other task may train on in a run."""
        if run >= len(self.task.splits):
            return set()
        found = set[Mark]().union(*(self.marks[i] for i in self.task.splits[run].test))
        return {
            mark for mark in found if mark[0] in ("samples", "file") or mark[:2] in self.split_by
        }


def _known(task: OpenedTask) -> _Known:
    source = os.path.realpath(task.task.source)
    marks = []
    for clip, content in zip(task.recordings.clips, task.contents, strict=True):
        own: set[Mark] = {("samples", content), ("file", os.path.realpath(clip.path))}
        own |= {(source, name, value) for name, value in clip.columns.items() if value}
        marks.append(own)
    named = (task.task.group, task.task.fold, task.task.split)
    return _Known(task, marks, {(source, name) for name in named if name})


def _losses(tasks: Sequence[_Known]) -> list[str]:
    found: dict[str, int] = {}
    for run in range(runs([known.task for known in tasks])):
        for known, kept in zip(tasks, _training_parts(tasks, run), strict=True):
            task = known.task
            alone = task.splits[run % len(task.splits)].train
            lost = len(np.unique(task.truth[alone])) - len(np.unique(task.truth[kept]))
            if lost:
                found[task.task.name] = max(lost, found.get(task.task.name, 0))
    return [f"{name} would lose {lost} classes" for name, lost in found.items()]


def _training_parts(tasks: Sequence[_Known], run: int) -> list[Ints]:
    tested = [known.tested(run) for known in tasks]
    parts = []
    for index, known in enumerate(tasks):
        held_out = set[Mark]().union(*tested[:index], *tested[index + 1 :])
        train = known.task.splits[run % len(known.task.splits)].train
        free = [held_out.isdisjoint(known.marks[i]) for i in train]
        parts.append(train[np.array(free, bool)])
    return parts
