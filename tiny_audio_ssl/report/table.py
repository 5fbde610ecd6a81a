"""The results as one table, tasks x methods: the best of each row, the average, the recovery."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.probing.scores import Score, recovery

RANDOM = "random weights"  # what models and protocols of the two references are called
SUPERVISED = "supervised"
FROZEN = ("linear", "knn", "few-shot")  # beginnings of protocols that leave the encoder as it is


@dataclass(frozen=True)
class Method:
    """A column: a model by a protocol."""

    protocol: str
    model: str

    @property
    def is_random(self) -> bool:
        """Random weights, frozen; trained ones are called so too, after what they began with."""
        return self.model.startswith(RANDOM) and self.protocol.startswith(FROZEN)


@dataclass(frozen=True)
class Cell:
    """What a method reached on a task; NaN is not known."""

    value: float  # accuracy, 0..1
    low: float  # 95 % interval
    high: float
    best: bool = False  # of its row
    missing: str = ""  # why there is no value


@dataclass(frozen=True)
class Row:
    name: str
    about: str  # how many recordings, classes; what the interval is over
    cells: list[Cell]

    @property
    def scale(self) -> tuple[float, float]:
        """From the lowest to the highest end of an interval: the common axis of the row."""
        ends = [end for c in self.cells for end in (c.low, c.high, c.value) if not math.isnan(end)]
        return (min(ends), max(ends)) if ends else (0.0, 1.0)


@dataclass(frozen=True)
class Results:
    """Everything the results table says."""

    methods: list[Method]  # the columns, a protocol's side by side
    rows: list[Row]  # a task each
    average: Row
    recovery: list[Row]  # a task each, and the average; empty without references
    recovery_missing: str  # why it is empty

    @property
    def protocols(self) -> list[tuple[str, int]]:
        """Each protocol, and how many columns it has."""
        return [(name, len(list(m))) for name, m in groupby(self.methods, lambda m: m.protocol)]


def tabulate(scores: Sequence[Score], encoders: Mapping[str, str] | None = None) -> Results:
    """The table of all scores.

    `encoders` says which encoder a model has: where the results hold several references (random
    weights, supervised), a model is compared with that of its own encoder.

    Raises `UserError` when two scores are of one task, model and protocol."""
    by_place = _by_place(scores)
    # Protocols and models in the order of their first result, random weights and so on included.
    protocols = list(dict.fromkeys(score.protocol for score in scores))
    methods = list(dict.fromkeys(Method(score.protocol, score.model) for score in scores))
    methods.sort(key=lambda method: protocols.index(method.protocol))
    tasks = list(dict.fromkeys(score.task for score in scores))
    found = [[by_place.get((task, method)) for method in methods] for task in tasks]
    rows = [_row(task, line) for task, line in zip(tasks, found, strict=True)]
    recovered, missing = _recoveries(rows, methods, _encoders(scores, encoders or {}))
    return Results(methods, rows, _average(rows), recovered, missing)


def _by_place(scores: Iterable[Score]) -> dict[tuple[str, Method], Score]:
    found: dict[tuple[str, Method], Score] = {}
    for score in scores:
        place = score.task, Method(score.protocol, score.model)
        if place in found:
            raise UserError(
                f"{score.task}: {score.model} by {score.protocol} is in the results twice; give "
                "each result once (--results), or name the models apart"
            )
        found[place] = score
    return found


def _row(task: str, scores: Sequence[Score | None]) -> Row:
    there = [score for score in scores if score is not None]
    sizes = {(len(score.truth), len(score.classes)) for score in there}
    about = "; ".join(f"{clips} recordings, {classes} classes" for clips, classes in sorted(sizes))
    about += "; 95 %: " + ", ".join(dict.fromkeys(score.interval_is for score in there))
    cells = [
        Cell(score.accuracy, *score.interval) if score else _missing("not measured")
        for score in scores
    ]
    return Row(task, about, _marked(cells))


def _average(rows: Sequence[Row]) -> Row:
    """The mean over tasks, of methods that have all of them: others are not comparable."""
    cells = []
    for column in zip(*(row.cells for row in rows), strict=True):
        values = [cell.value for cell in column if not cell.missing]
        complete = len(values) == len(rows)
        cells.append(
            Cell(float(np.mean(values)), math.nan, math.nan)
            if complete
            else _missing(f"{len(values)} of {len(rows)} tasks")
        )
    return Row("average", "mean over the tasks", _marked(cells))


def _encoders(scores: Sequence[Score], known: Mapping[str, str]) -> dict[Method, str]:
    """By what the scores say themselves, or the name of the run."""
    return {
        Method(s.protocol, s.model): str(
            s.details.get("encoder") or known.get(s.model.removeprefix(f"{RANDOM} of "), "")
        )
        for s in scores
    }


def _recoveries(
    rows: Sequence[Row], methods: Sequence[Method], encoders: Mapping[Method, str]
) -> tuple[list[Row], str]:
    """(task - random) / (supervised - random), where the results hold both references."""
    lacking = [
        what
        for what, is_there in (
            ("random weights", any(method.is_random for method in methods)),
            ("supervised training", any(method.protocol == SUPERVISED for method in methods)),
        )
        if not is_there
    ]
    if lacking:
        return [], f"The results hold no {' and no '.join(lacking)}."
    found = []
    for row in rows:
        by_method = dict(zip(methods, row.cells, strict=True))
        cells = [_recovered(method, by_method, encoders) for method in methods]
        found.append(Row(row.name, row.about, _marked(cells)))
    return [*found, _average(found)], ""


def _recovered(method: Method, row: Mapping[Method, Cell], encoders: Mapping[Method, str]) -> Cell:
    if method.is_random or method.protocol == SUPERVISED:
        return _missing("a reference")

    def only(references: Sequence[Method]) -> Cell | None:
        """The one there is; of several that with the same encoder."""
        if len(references) > 1:
            references = [r for r in references if encoders[r] == encoders[method] != ""]
        return row[references[0]] if len(references) == 1 else None

    random = only([m for m in row if m.is_random and m.protocol == method.protocol])
    supervised = only([m for m in row if m.protocol == SUPERVISED])
    if random is None or supervised is None:
        return _missing("no reference")
    if row[method].missing or random.missing or supervised.missing:
        return _missing("not measured")
    value = recovery(row[method].value, random.value, supervised.value)
    if math.isnan(value):
        return _missing("supervised is no better")
    return Cell(value, math.nan, math.nan)


def _missing(why: str) -> Cell:
    return Cell(math.nan, math.nan, math.nan, missing=why)


def _marked(cells: Sequence[Cell]) -> list[Cell]:
    """The same, with the best marked: all that are printed alike, unless there is only one."""
    values = [round(cell.value, 3) for cell in cells if not cell.missing]
    if len(values) < 2:
        return list(cells)
    return [
        cell if cell.missing or round(cell.value, 3) < max(values) else _as_best(cell)
        for cell in cells
    ]


def _as_best(cell: Cell) -> Cell:
    return Cell(cell.value, cell.low, cell.high, best=True)
