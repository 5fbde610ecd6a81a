"""Table of results: accuracy of each method on each task, averages, recovery.

Methods are rows and tasks are columns: names of methods are long, and intervals below each other on
one scale compare at a glance.
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
SHORTEST_SCALE = 0.001  # of accuracy


@dataclass(frozen=True)
class ResultRow:
    """A method: a model by a protocol."""

    protocol: str
    model: str

    @property
    def is_random(self) -> bool:
        """Whether this is the untrained reference: frozen random weights, not trained from them."""
        return self.model.startswith(RANDOM) and self.protocol.startswith(FROZEN)


@dataclass(frozen=True)
class Cell:
    """The result of a method on a task; NaN is unknown."""

    value: float  # accuracy, 0..1, or recovery
    low: float = math.nan  # 95 % interval
    high: float = math.nan
    best: bool = False  # best of the task by that protocol
    missing: str = ""  # reason why there is no value


@dataclass(frozen=True)
class Column:
    """A task, or the average."""

    name: str
    about: list[str]  # remarks of a few words
    cells: list[Cell]  # one per method

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest end of all intervals: the axis that all cells share.

        Ends that are all equal lie in the middle of a short axis.
        """
        ends = [end for c in self.cells for end in (c.low, c.high, c.value) if not math.isnan(end)]
        if not ends:
            return 0.0, 1.0
        margin = max(0.0, SHORTEST_SCALE - (max(ends) - min(ends))) / 2
        return min(ends) - margin, max(ends) + margin


@dataclass(frozen=True)
class ResultTable:
    """Methods by tasks."""

    methods: list[ResultRow]  # grouped by protocol
    tasks: list[Column]
    average: Column

    @property
    def protocols(self) -> list[tuple[str, list[int]]]:
        """Each protocol with the indices of its methods."""
        every = range(len(self.methods))
        grouped = groupby(every, lambda index: self.methods[index].protocol)
        return [(name, list(indices)) for name, indices in grouped]

    def having_values(self) -> ResultTable:
        """Return the table without methods that have no value at all."""
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
    """Tabulate accuracies; there must be one score per task, model and protocol."""
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
    """Tabulate (task - random) / (supervised - random); also returns why the table is empty.

    If there are several random weights or supervised trainings, a model is compared with those
    derived from it, or else from its encoder; `encoders` maps runs to their encoders.
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
    about = [f"{clips:,} recordings, {classes} classes" for clips, classes in sizes]
    about += dict.fromkeys(score.interval_is for score in there)
    cells = [
        Cell(score.accuracy, *score.interval) if score else _missing("not measured")
        for score in scores
    ]
    return Column(name, about, _marked(cells, methods))


def _average(tasks: Sequence[Column], methods: Sequence[ResultRow]) -> Column:
    """Average over tasks, for methods that have all of them: others are not comparable."""
    cells = []
    for line in zip(*(task.cells for task in tasks), strict=True):
        values = [cell.value for cell in line if not cell.missing]
        complete = len(values) == len(tasks)
        missing = _missing(f"{len(values)} of {len(tasks)} tasks")
        cells.append(Cell(float(np.mean(values))) if complete else missing)
    return Column("average", ["over the tasks"], _marked(cells, methods))


def _encoders(scores: Sequence[Score], known: Mapping[str, str]) -> dict[ResultRow, str]:
    """Return each method's encoder, from its score or from the name of the run."""
    return {
        ResultRow(s.protocol, s.model): str(
            s.details.get("encoder") or known.get(_made_of(s.model), "")
        )
        for s in scores
    }


def _made_of(model: str) -> str:
    """Return RUN of `random weights of RUN`."""
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
    """Mark the best cells of each protocol: all that print alike, unless all cells do."""
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
