"""The results as one table: the best of each task, the average, the recovery.

A method is a line and a task a column: names of methods are long, and intervals under each other
on one scale compare at a glance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from tiny_audio_ssl.evaluation.probing.scores import Score, in_shared_folds, recovery
from tiny_audio_ssl.report.results import FROZEN, RANDOM

SUPERVISED = "supervised"


@dataclass(frozen=True)
class ResultRow:
    """A line: a model by a protocol."""

    protocol: str
    model: str

    @property
    def is_random(self) -> bool:
        """Random weights, frozen; trained ones are called so too, after what they began with."""
        return self.model.startswith(RANDOM) and self.protocol.startswith(FROZEN)


@dataclass(frozen=True)
class Cell:
    """What a method reached on a task; NaN is not known."""

    value: float  # accuracy, 0..1, or recovery
    low: float = math.nan  # 95 % interval
    high: float = math.nan
    best: bool = False  # of the task by that protocol
    missing: str = ""  # why there is no value


@dataclass(frozen=True)
class Column:
    """A task, or the average."""

    name: str
    about: list[str]  # a few words each
    cells: list[Cell]  # a method each

    @property
    def scale(self) -> tuple[float, float]:
        """From the lowest to the highest end of an interval: the axis that all cells share."""
        ends = [end for c in self.cells for end in (c.low, c.high, c.value) if not math.isnan(end)]
        return (min(ends), max(ends)) if ends else (0.0, 1.0)


@dataclass(frozen=True)
class ResultTable:
    """Methods by tasks."""

    methods: list[ResultRow]  # a protocol's one after the other
    tasks: list[Column]
    average: Column

    @property
    def protocols(self) -> list[tuple[str, list[int]]]:
        """Each protocol, and the indices of its methods."""
        every = range(len(self.methods))
        grouped = groupby(every, lambda index: self.methods[index].protocol)
        return [(name, list(indices)) for name, indices in grouped]

    def having_values(self) -> ResultTable:
        """Without the methods that have no value at all."""
        kept = [
            i
            for i in range(len(self.methods))
            if not all(task.cells[i].missing for task in self.tasks)
        ]

        def only(column: Column) -> Column:
            return replace(column, cells=[column.cells[i] for i in kept])

        methods = [self.methods[i] for i in kept]
        return ResultTable(methods, [only(task) for task in self.tasks], only(self.average))


def tabulate(scores: Sequence[Score]) -> ResultTable:
    """Accuracies; of each task, model and protocol there is one score (`results` sees to it)."""
    by_place = {(score.task, ResultRow(score.protocol, score.model)): score for score in scores}
    # Protocols and models in the order of their first result.
    protocols = list(dict.fromkeys(score.protocol for score in scores))
    methods = list(dict.fromkeys(ResultRow(score.protocol, score.model) for score in scores))
    methods.sort(key=lambda method: protocols.index(method.protocol))
    names = list(dict.fromkeys(score.task for score in scores))
    found = [[by_place.get((name, method)) for method in methods] for name in names]
    tasks = [_column(name, cells, methods) for name, cells in zip(names, found, strict=True)]
    return ResultTable(methods, tasks, _average(tasks, methods))


def recoveries(
    accuracies: ResultTable, scores: Sequence[Score], encoders: Mapping[str, str]
) -> tuple[ResultTable, str]:
    """(task - random) / (supervised - random), and why the table is empty if it is.

    Where the results hold several random weights or supervised trainings, a model is compared with
    those made of it, or else of its encoder; `encoders` says which a run has.
    """
    kinds = {
        "random weights": any(method.is_random for method in accuracies.methods),
        "supervised training": any(m.protocol == SUPERVISED for m in accuracies.methods),
    }
    lacking = " and no ".join(kind for kind, is_there in kinds.items() if not is_there)
    reason = f"The results hold no {lacking}." if lacking else ""
    of = _encoders(scores, encoders)
    tasks = []
    for task in [] if lacking else accuracies.tasks:
        own = {ResultRow(s.protocol, s.model): s for s in scores if s.task == task.name}
        cells = [_recovered(method, own, of) for method in accuracies.methods]
        tasks.append(replace(task, cells=_marked(cells, accuracies.methods)))
    methods = accuracies.methods if tasks else []
    found = ResultTable(methods, tasks, _average(tasks, methods)).having_values()
    if not found.methods and not reason:
        reason = "No task has both references of one encoder."
    return found, reason


def _column(name: str, scores: Sequence[Score | None], methods: Sequence[ResultRow]) -> Column:
    there = [score for score in scores if score is not None]
    sizes = sorted({(len(score.truth), len(score.classes)) for score in there})
    about = [f"{clips} recordings, {classes} classes" for clips, classes in sizes]
    about += dict.fromkeys(score.interval_is for score in there)
    cells = [
        Cell(score.accuracy, *score.interval) if score else _missing("not measured")
        for score in scores
    ]
    return Column(name, about, _marked(cells, methods))


def _average(tasks: Sequence[Column], methods: Sequence[ResultRow]) -> Column:
    """The mean over tasks, of methods that have all of them: others are not comparable."""
    cells = []
    for line in zip(*(task.cells for task in tasks), strict=True):
        values = [cell.value for cell in line if not cell.missing]
        complete = len(values) == len(tasks)
        missing = _missing(f"{len(values)} of {len(tasks)} tasks")
        cells.append(Cell(float(np.mean(values))) if complete else missing)
    return Column("average", ["over the tasks"], _marked(cells, methods))


def _encoders(scores: Sequence[Score], known: Mapping[str, str]) -> dict[ResultRow, str]:
    """By what the scores say themselves, or the name of the run."""
    return {
        ResultRow(s.protocol, s.model): str(
            s.details.get("encoder") or known.get(_made_of(s.model), "")
        )
        for s in scores
    }


def _made_of(model: str) -> str:
    """`random weights of RUN` -> RUN."""
    return model.removeprefix(f"{RANDOM} of ")


def _recovered(
    method: ResultRow, task: Mapping[ResultRow, Score], encoders: Mapping[ResultRow, str]
) -> Cell:
    if method.is_random or method.protocol == SUPERVISED:
        return _missing("a reference")

    def only(references: Sequence[ResultRow]) -> Score | None:
        own = [r for r in references if _made_of(r.model) == method.model]
        alike = [r for r in references if encoders[r] == encoders[method] != ""]
        for choice in (own, references, alike):
            if len(choice) == 1:
                return task[choice[0]]
        return None

    random = only([m for m in task if m.is_random and m.protocol == method.protocol])
    supervised = only([m for m in task if m.protocol == SUPERVISED])
    if random is None or supervised is None:
        return _missing("no reference")
    if method not in task:
        return _missing("not measured")
    value = recovery(*in_shared_folds(task[method], random, supervised))
    return _missing("supervised is no better") if math.isnan(value) else Cell(value)


def _missing(why: str) -> Cell:
    return Cell(math.nan, missing=why)


def _marked(cells: Sequence[Cell], methods: Sequence[ResultRow]) -> list[Cell]:
    """The same, with the best of each protocol marked: all that print alike, if not all do."""
    values: dict[str, list[float]] = {}
    for cell, method in zip(cells, methods, strict=True):
        if not cell.missing:
            values.setdefault(method.protocol, []).append(round(cell.value, 3))
    return [
        replace(cell, best=_is_best(cell, values.get(method.protocol, [])))
        for cell, method in zip(cells, methods, strict=True)
    ]


def _is_best(cell: Cell, values: Sequence[float]) -> bool:
    return not cell.missing and min(values) < max(values) == round(cell.value, 3)
