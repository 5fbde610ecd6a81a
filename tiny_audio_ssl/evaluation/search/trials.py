"""Results of trials, and their file trials.csv, the only state of a search."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.pretext.configs.weights import Weights
from tiny_audio_ssl.utils.files import write_rows
from tiny_audio_ssl.utils.written_by import unreadable

TABLE = "trials.csv"


@dataclass(frozen=True)
class Figure:
    """Accuracy of a linear probe, 0..1, with its 95 % interval; the mean over several tasks."""

    accuracy: float
    low: float
    high: float

    @classmethod
    def of(cls, scores: Sequence[Score]) -> Figure:
        """Average scores; half-widths of the intervals of independent tasks add in quadrature."""
        means = [score.accuracy for score in scores]
        below, above = np.abs(np.array([s.interval for s in scores]).T - means)
        mean = float(np.mean(means))
        low, high = (math.hypot(*widths) / len(means) for widths in (below, above))
        return cls(mean, max(0.0, mean - low), min(1.0, mean + high))


@dataclass(frozen=True)
class Trial:
    """A finished trial: its weights, how long it trained, and its accuracy."""

    number: int
    weights: Weights
    steps: int
    train_s: float
    validation: Figure | None  # guides the search; None if training stopped early
    test: Figure | None  # on recordings that do not guide the search
    note: str = ""  # why training stopped early


def best(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial with the best validation accuracy; ties go to the earliest."""
    scored = [(trial.validation.accuracy, trial) for trial in trials if trial.validation]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def read(folder: Path) -> list[Trial]:
    """Read the finished trials of a search. Raises `UserError` for a table with other columns."""
    path = folder / TABLE
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [_trial_of(row) for row in csv.DictReader(file)]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        found = f"its trials can't be read ({type(error).__name__}: {error})"
        raise UserError(unreadable(path, found, "the columns that it writes itself")) from error


def write(folder: Path, tasks: Sequence[str], trials: Sequence[Trial]) -> None:
    """Write the table of trials."""
    rows = [_row_of(trial, tasks) for trial in trials]
    write_rows(folder / TABLE, rows)


def _row_of(trial: Trial, tasks: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"trial": trial.number}
    row |= {f"weight/{task}": trial.weights.get(task, 0.0) for task in tasks}
    row |= {"steps": trial.steps, "train_s": round(trial.train_s, 1)}
    for name in ("validation", "test"):
        figure: Figure | None = getattr(trial, name)
        ends = asdict(figure) if figure else dict.fromkeys(("accuracy", "low", "high"), "")
        row |= {f"{name}/{key}": value for key, value in ends.items()}
    return {**row, "note": trial.note}


def _trial_of(row: dict[str, str]) -> Trial:
    """Return the trial of a row that `_row_of` made."""
    weights = {
        column.removeprefix("weight/"): float(value)
        for column, value in row.items()
        if column.startswith("weight/") and float(value)
    }
    return Trial(
        int(row["trial"]),
        weights,
        int(row["steps"]),
        float(row["train_s"]),
        _figure_of(row, "validation"),
        _figure_of(row, "test"),
        row["note"],
    )


def _figure_of(row: dict[str, str], name: str) -> Figure | None:
    texts = [row[f"{name}/{key}"] for key in ("accuracy", "low", "high")]
    return Figure(*map(float, texts)) if texts[0] else None
