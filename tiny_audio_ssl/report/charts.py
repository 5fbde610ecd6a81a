"""Learning curves as SVG: the lines of several runs on one pair of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tiny_audio_ssl.report.runs import Points, Run

# Okabe and Ito's colours without yellow, which is too pale for lines: told apart by all eyes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 22, 10, 34


@dataclass(frozen=True)
class Line:
    path: str  # "x,y x,y", as SVG's polyline takes it
    dots: list[tuple[float, float]]  # of a line with few points
    colour: str
    kind: str  # train | validation


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Ready to be drawn: everything in the units of the picture."""

    title: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Learning:
    """The curves of the runs of one pretext task: losses of other tasks are not on their scale."""

    task: str
    runs: list[tuple[str, str, str]]  # name, colour, where it ended, in words
    charts: list[Chart]
    missing: list[str]  # runs without metrics.jsonl


def learning(runs: Sequence[Run]) -> list[Learning]:
    """One a pretext task, in the order of the runs. A run keeps its colour over all."""
    colours = {run.name: COLOURS[i % len(COLOURS)] for i, run in enumerate(runs)}
    found = []
    for task in dict.fromkeys(run.task for run in runs):
        of_task = [run for run in runs if run.task == task]
        drawn = [run for run in of_task if run.curves]
        charts = [_chart(what, drawn, colours) for what in ("loss", "spread")]
        found.append(
            Learning(
                task,
                [(run.name, colours[run.name], _ending(run)) for run in drawn],
                [chart for chart in charts if chart.lines],
                [run.name for run in of_task if not run.curves],
            )
        )
    return found


def _ending(run: Run) -> str:
    parts = []
    for name in ("train/loss", "validation/loss"):
        if points := run.curves.get(name):
            parts.append(f"{name.partition('/')[0]} {points[-1][1]:.4g}")
    if points := run.curves.get("validation/loss"):
        step, best = min(points, key=lambda point: point[1])
        parts.append(f"best {best:.4g} at step {step:,}")
    return ", ".join(parts)


def _chart(what: str, runs: Sequence[Run], colours: dict[str, str]) -> Chart:
    curves = [
        (kind, colours[run.name], points)
        for run in runs
        for kind in ("train", "validation")
        if (points := run.curves.get(f"{kind}/{what}"))
    ]
    every = [point for _, _, points in curves for point in points]
    if not every:
        return Chart(what, [], [], [])
    steps, values = zip(*every, strict=True)
    x_ticks, y_ticks = ticks(0, max(steps)), ticks(min(values), max(values))

    def place(points: Points) -> list[tuple[float, float]]:
        return [
            (
                round(_between(step, x_ticks[0], max(steps), LEFT, WIDTH - RIGHT), 1),
                round(_between(value, y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP), 1),
            )
            for step, value in points
        ]

    lines = []
    for kind, colour, points in curves:
        places = place(points)
        path = " ".join(f"{x},{y}" for x, y in places)
        lines.append(Line(path, places if kind == "validation" else [], colour, kind))
    return Chart(
        what,
        lines,
        [
            Tick(place([(round(step), y_ticks[0])])[0][0], f"{step:,.0f}")
            for step in x_ticks
            if step <= max(steps)
        ],
        [Tick(place([(0, value)])[0][1], f"{value:.4g}") for value in y_ticks],
    )


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, from below `low` to above `high`."""
    span = (high - low) or abs(high) or 1.0
    raw = span / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, max(last, first + 1) + 1)]


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (value - low) / ((high - low) or 1.0) * (end - start)
