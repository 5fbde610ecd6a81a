"""Learning curves as inline SVG: the lines of several runs on shared axes, drawn by matplotlib."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tiny_audio_ssl.report.runs import Points, Run
from tiny_audio_ssl.utils.extras import require

COLORS = tuple(f"var(--curve-{i})" for i in range(7))  # of the page's style sheet
STYLES: dict[str, dict[str, Any]] = {
    "train": {"linewidth": 1, "alpha": 0.55},
    "validation": {"linewidth": 1.75, "marker": "o", "markersize": 4},
}
SIZE_PX = (460, 260)
# Stand for colors of the page's style sheet.
INK, GRID = "#010203", "#040506"
STAND_INS = {color: f"#0708{i:02x}" for i, color in enumerate(COLORS)}
SETTINGS = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tiny-audio-ssl",  # the same curves give the same bytes
    "font.size": 12,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.autolimit_mode": "round_numbers",
    "axes.ymargin": 0,
    "lines.solid_joinstyle": "round",
    "lines.solid_capstyle": "round",
}
Curve = tuple[str, str, Points]  # kind (a key of STYLES), color, points


@dataclass(frozen=True)
class Learning:
    """Learning curves of the runs of one pretext task; losses of other tasks have other scales."""

    task: str
    runs: list[tuple[str, str, str]]  # name, color, last and best values in words
    charts: list[tuple[str, Markup]]  # title, SVG
    missing: list[str]  # runs without metrics.jsonl


def learning(runs: Sequence[Run]) -> list[Learning]:
    """Draw the curves of each pretext task; a run has the same color in all charts."""
    colors = {run.name: COLORS[i % len(COLORS)] for i, run in enumerate(runs)}
    found = []
    for task in dict.fromkeys(run.task for run in runs):
        of_task = [run for run in runs if run.task == task]
        drawn = [run for run in of_task if run.curves]
        charts = []
        for metric in ("loss", "spread"):
            if curves := _curves(metric, drawn, colors):
                charts.append((metric, draw(curves, f"{metric} of {task} by step")))
        found.append(
            Learning(
                task,
                [(run.name, colors[run.name], _ending(run)) for run in drawn],
                charts,
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


def _curves(metric: str, runs: Sequence[Run], colors: dict[str, str]) -> list[Curve]:
    return [
        (kind, colors[run.name], points)
        for run in runs
        for kind in STYLES
        if (points := run.curves.get(f"{kind}/{metric}"))
    ]


def draw(curves: Sequence[Curve], label: str) -> Markup:
    """Draw curves on one pair of axes; `label` describes the chart to screen readers."""
    matplotlib = require("matplotlib", "eval")
    ticker = require("matplotlib.ticker", "eval")
    with matplotlib.rc_context(SETTINGS):
        width, height = (pixels / 72 for pixels in SIZE_PX)
        figure = require("matplotlib.figure", "eval").Figure((width, height), layout="constrained")
        axes = figure.subplots()
        for kind, color, points in curves:
            style = {"color": STAND_INS[color], **STYLES[kind]}
            axes.plot(*zip(*points, strict=True), clip_on=False, **style)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:.4g}"))
        axes.set_xlim(0, max(step for _, _, points in curves for step, _ in points))
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=7)
        axes.grid(axis="y", clip_on=False)
        written = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    return Markup(_inline(written.getvalue(), str(Markup.escape(label))))


def _inline(svg: str, label: str) -> str:
    """Turn an SVG file into an element of the page, colored by its style sheet."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 :].rstrip()
    body = re.sub(r"<(metadata|style)\b.*?</\1>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r' id="[\w.]+_\d+"| transform="rotate\(-0 .*?\)"', "", body)
    body = re.sub(r"font-family: [^;]*; ", "", body)
    body = re.sub(r"(\.\d\d)\d+", r"\1", body)
    body = body.replace(INK, "currentColor").replace(GRID, "var(--line)")
    for color, stand_in in STAND_INS.items():
        body = body.replace(stand_in, color)
    body = re.sub(r"\s*\n\s*", "\n", body)
    width, height = SIZE_PX
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{body}'
