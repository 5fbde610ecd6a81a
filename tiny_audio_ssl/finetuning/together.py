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
from collections.abc import Iterable, Sequence

import numpy as np

from tiny_audio_ssl.finetuning.crops import Ints
from tiny_audio_ssl.probing.labelled import Labelled

Column = tuple[str, str]  # a manifest (or a dataset's folder) and one of its columns
Mark = tuple[str, ...]  # what recordings of the same sound or group have in common


def compatible(tasks: Sequence[Labelled]) -> list[list[Labelled]]:
    """The tasks, parted into groups that may share an encoder."""
    models: list[list[Labelled]] = []
    for task in tasks:
        fitting = (model for model in models if not losses([*model, task]))
        if model := next(fitting, None):
            model.append(task)
        else:
            models.append([task])
    return models


def losses(tasks: Sequence[Labelled]) -> list[str]:
    """Which tasks would lose classes, and how many, in a model of all; empty if none would."""
    found: dict[str, int] = {}
    for run in range(runs(tasks)):
        for task, kept in zip(tasks, training_parts(tasks, run), strict=True):
            alone = task.splits[run % len(task.splits)].train
            lost = len(np.unique(task.truth[alone])) - len(np.unique(task.truth[kept]))
            if lost:
                found[task.task.name] = max(lost, found.get(task.task.name, 0))
    return [f"{name} would lose {lost} classes" for name, lost in found.items()]


def runs(tasks: Sequence[Labelled]) -> int:
    """How often a model of these tasks is trained, so that each fold of each is tested once."""
    return max(len(task.splits) for task in tasks)


def training_parts(tasks: Sequence[Labelled], run: int) -> list[Ints]:
    """Each task's training recordings in a run: its split's, without what other tasks test.

    A task with fewer splits than runs goes on training on them, and is not tested again.
    """
    columns = [_columns(task) for task in tasks]
    everything = set().union(*columns)
    tested = [
        _marks(task, task.splits[run].test, own) if run < len(task.splits) else []
        for task, own in zip(tasks, columns, strict=True)
    ]
    parts = []
    for index, task in enumerate(tasks):
        others = [marks for i, found in enumerate(tested) if i != index for marks in found]
        held_out = set[Mark]().union(*others)
        train = task.splits[run % len(task.splits)].train
        free = [held_out.isdisjoint(marks) for marks in _marks(task, train, everything)]
        parts.append(train[np.array(free, bool)])
    return parts


def _columns(task: Labelled) -> set[Column]:
    """What the task's folds are made of, besides files."""
    source = os.path.realpath(task.task.source)
    named = (task.task.group, task.task.fold, task.task.split)
    return {(source, name) for name in named if name}


def _marks(task: Labelled, indices: Ints, columns: Iterable[Column]) -> list[list[Mark]]:
    source = os.path.realpath(task.task.source)
    names = [name for where, name in columns if where == source]
    found = []
    for index in indices.tolist():
        clip = task.recordings.clips[index]
        marks: list[Mark] = [
            ("samples", task.contents[index]),
            ("file", os.path.realpath(clip.path)),
        ]
        cells = ((name, clip.columns.get(name, "")) for name in names)
        marks += [(source, name, value) for name, value in cells if value]
        found.append(marks)
    return found
