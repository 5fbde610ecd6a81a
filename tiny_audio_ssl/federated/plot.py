"""Loss and accuracy against rounds and against megabytes, federated and centralized."""

from __future__ import annotations

import json
from pathlib import Path

from tiny_audio_ssl.federated.centralized import FOLDER
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ownership import check_target, has_mark, mark

NAME = "federated.png"
COMMAND = "federate"
MEASURES = {"validation/loss": "pretext loss on the clients", "probe/accuracy": "probe accuracy"}
AXES = {"step": "round", "traffic/total_mb": "MB sent and received, all clients"}


def check_plot(run: Path) -> None:
    """Raise `UserError` if RUN/federated.png exists and was not drawn by this module."""
    check_target(run / NAME, has_mark(mark(COMMAND)))


def draw(run: Path) -> Path:
    """Plot RUN/metrics.jsonl and RUN/centralized/metrics.jsonl into RUN/federated.png.

    Centralized training sends no updates: against megabytes it is the level at its end.
    """
    check_plot(run)
    figure_of = require("matplotlib.figure", "federated").Figure
    federated, centralized = _records(run), _records(run / FOLDER)
    measures = [name for name in MEASURES if any(name in record for record in federated)]
    figure = figure_of(figsize=(9, 3.2 * len(measures)), layout="constrained")
    axes = figure.subplots(len(measures), len(AXES), sharey="row", squeeze=False)
    for row, measure in zip(axes, measures, strict=True):
        for axis, (x, x_title) in zip(row, AXES.items(), strict=True):
            axis.plot(*_points(federated, x, measure), marker=".", label="federated")
            rounds, values = _points(centralized, "step", measure)
            if values and x == "step":
                axis.plot(rounds, values, marker=".", label="centralized, as many steps")
            elif values:
                axis.axhline(
                    values[-1], linestyle="--", color="C1", label="centralized, at the end"
                )
            axis.set(xlabel=x_title, ylabel=MEASURES[measure])
            axis.locator_params(axis="x", integer=True)
            axis.grid(alpha=0.3)
            axis.legend()
    with atomic_file(run / NAME) as work:
        figure.savefig(work, dpi=120, metadata={"Software": mark(COMMAND)})
    return run / NAME


def _records(run: Path) -> list[dict[str, float]]:
    path = run / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _points(records: list[dict[str, float]], x: str, y: str) -> tuple[list[float], list[float]]:
    both = [record for record in records if x in record and y in record]
    return [record[x] for record in both], [record[y] for record in both]
