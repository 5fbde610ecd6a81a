"""Probe scores of a model, from a table such as benchmarks/results/quality.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.model_card import table
from tiny_audio_ssl.utils.text import markdown

AVERAGE = "average"
Scores = dict[str, dict[str, float]]  # accuracy by embedding and task


def read(file: Path, embeddings: Sequence[str]) -> Scores:
    """Return the accuracies of the embeddings that are named so in the column `embedding`.

    Raises `UserError`: no such file, columns or embedding.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [(r["embedding"], r["task"], r["accuracy"]) for r in csv.DictReader(lines)]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{file}: not a table of scores ({error}); expected the columns embedding, task and "
            "accuracy"
        ) from error
    if lacking := sorted(set(embeddings) - {row[0] for row in rows}):
        known = ", ".join(dict.fromkeys(row[0] for row in rows))
        raise UserError(f"{file}: no embedding {', '.join(lacking)}; it has {known}")
    wanted = [row for row in rows if row[0] in embeddings and row[1] != AVERAGE]
    if len({row[:2] for row in wanted}) < len(wanted):
        raise UserError(f"{file}: several rows for one embedding and task; give one model's alone")
    return {
        name: {task: float(value) for own, task, value in wanted if own == name}
        for name in embeddings
    }


def facts(scores: Scores) -> dict[str, Any]:
    """Return the mean accuracy of the tasks, for each embedding."""
    return {name: round(fmean(own.values()), 4) for name, own in scores.items()}


def section(scores: Scores) -> str:
    """Return the section of the card: tasks x embeddings."""
    tasks = list(dict.fromkeys(task for own in scores.values() for task in own))
    lines = [[markdown(task), *(f"{own[task]:.3f}" for own in scores.values())] for task in tasks]
    lines.append(["**mean**", *(f"**{mean:.3f}**" for mean in facts(scores).values())])
    columns = ["task", *map(markdown, scores)]
    return "## Probes\n\nAccuracy of a linear probe of frozen embeddings.\n\n" + table(
        columns, lines
    )
