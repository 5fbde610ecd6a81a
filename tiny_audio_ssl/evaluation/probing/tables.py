"""Tables of scores for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from rich.table import Table

from tiny_audio_ssl.evaluation.probing.scores import Score


def task_table(results: Sequence[Score]) -> Table:
    """Return models x protocols on one task: accuracy with its 95 % interval."""
    first = results[0]
    title = f"{first.task}: {len(first.truth)} clips, {len(first.classes)} classes"
    protocols = _distinct(score.protocol for score in results)
    table = _grid(f"{title}; accuracy [95 %, {first.interval_is}]", protocols)
    for model in _distinct(score.model for score in results):
        own = {score.protocol: _with_interval(score) for score in results if score.model == model}
        table.add_row(model, *(own.get(name, "-") for name in protocols))
    return table


def mean_table(results: Sequence[Score]) -> Table:
    """Return models x protocols: accuracy averaged over the tasks with equal weights."""
    protocols = _distinct(score.protocol for score in results)
    table = _grid(f"Mean over {len(_distinct(score.task for score in results))} tasks", protocols)
    for model in _distinct(score.model for score in results):
        own = [score for score in results if score.model == model]
        figures = [[s.accuracy for s in own if s.protocol == name] for name in protocols]
        table.add_row(model, *(_figure(float(np.mean(f))) if f else "-" for f in figures))
    return table


def class_table(score: Score) -> Table:
    """Return precision, recall and F1 of each class."""
    table = Table(title=_title(score), title_justify="left")
    table.add_column("class")
    for name in ("precision", "recall", "F1", "clips"):
        table.add_column(name, justify="right")
    for one in score.per_class():
        figures = (_figure(one.precision), _figure(one.recall), _figure(one.f1))
        table.add_row(one.name, *figures, str(one.support))
    table.add_section()
    table.add_row("mean recall", "", _figure(score.macro_recall))
    return table


def confusion_table(score: Score) -> Table:
    """Return the confusion matrix: a row per true class, a column (numbered) per prediction."""
    table = Table(title=f"{_title(score)}: confusion", title_justify="left", padding=(0, 0, 0, 1))
    table.add_column("true \\ predicted")
    for number in range(1, len(score.classes) + 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for number, (name, row) in enumerate(zip(score.classes, score.confusion(), strict=True), 1):
        table.add_row(f"{number} {name}", *(str(count) if count else "·" for count in row))
    return table


def _grid(title: str, protocols: Sequence[str]) -> Table:
    table = Table(title=title)
    table.add_column("embedding")
    for protocol in protocols:
        table.add_column(protocol, justify="right", no_wrap=True)
    return table


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _with_interval(score: Score) -> str:
    low, high = score.interval
    between = "unknown" if math.isnan(low) else f"{low:.3f}, {high:.3f}"
    return f"{score.accuracy:.3f} [{between}]"


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _title(score: Score) -> str:
    return f"{score.task}, {score.model}, {score.protocol}"
