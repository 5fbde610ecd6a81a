"""Which tasks may share an encoder, so that no task's training hears what another is tested on.

In run i of a multi-head model every task is tested on its own fold i. A recording of that fold is
known by its samples, its file, and by the value of the columns that its task splits by (speaker,
source, official fold): whatever shares one of these is out of all the other tasks' training in
run i. A file's other spans go with it, as do recordings of the same speaker that only the other
task lists.

That may take whole classes away: emotion holds speakers out, so that speaker identification would
lose these speakers. Tasks of which one would so lose a class that it trains on alone do not share
an encoder: each goes, in the order given, into the first model where all keep their classes
(greedy colouring; the whole model is looked at, since two tasks may take half a class each).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiny_audio_ssl.evaluation.finetuning.crops import Ints
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask

Mark = tuple[str, ...]  # what recordings of the same sound or group have in common


def compatible(tasks: Sequence[OpenedTask]) -> list[list[OpenedTask]]:
    """The tasks, parted into groups that may share an encoder."""
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
    """Which tasks would lose classes, and how many, in a model of all; empty if none would."""
    return _losses([_known(task) for task in tasks])


def runs(tasks: Sequence[OpenedTask]) -> int:
    """How often a model of these tasks is trained, so that each fold of each is tested once."""
    return max(len(task.splits) for task in tasks)


def training_parts(tasks: Sequence[OpenedTask], run: int) -> list[Ints]:
    """Each task's training recordings in a run: its split's, without what other tasks test.

    A task with fewer splits than runs goes on training on them, and is not tested again.
    """
    return _training_parts([_known(task) for task in tasks], run)


@dataclass(frozen=True)
class _Known:
    """A task, and what each of its recordings is known by."""

    task: OpenedTask
    marks: list[set[Mark]]  # samples, file and every column
    split_by: set[Mark]  # (source, column) of its group, fold and split

    def tested(self, run: int) -> set[Mark]:
        """What no other task may train on in a run."""
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
