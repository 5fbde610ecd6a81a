"""Robustness: probes that were trained on clean sound, on changed sound."""

from __future__ import annotations

from tables.rows import accuracy, markdown, only, rows

AVERAGE, CLEAN = "average", "clean"


def mean_accuracy(model: str, change: str) -> float:
    """Return the mean accuracy of the ten tasks."""
    return float(only("robustness", model=model, change=change, task=AVERAGE)["accuracy"])


def robustness_table() -> str:
    """Changes x models: mean accuracy, and how much of that on clean sound is left."""
    models = list(dict.fromkeys(row["model"] for row in rows("robustness")))
    lines = []
    for change in dict.fromkeys(row["change"] for row in rows("robustness")):
        cells = [change]
        for model in models:
            found = mean_accuracy(model, change)
            share = f" ({100 * found / mean_accuracy(model, CLEAN):.0f} %)"
            cells.append(accuracy(found) + (share if change != CLEAN else ""))
        lines.append(cells)
    return markdown(["sound", *models], lines)
