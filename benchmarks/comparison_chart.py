"""Draw quality against milliseconds and kilobytes, for light and for dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_file

# Okabe and Ito's colors, as in the charts of `bench` and `report`.
OURS, OTHERS = "#d55e00", "#0072b2"
THEMES = {"light": ("#1f2328", "#d0d7de"), "dark": ("#e6edf3", "#3d444d")}  # ink, grid
AXES = {"p50_ms": "milliseconds for 0.975 s of sound", "kilobytes": "kilobytes of weights"}
SMALLEST_KB = 1  # where statistics without weights stand
SETTINGS = {"svg.hashsalt": "comparison", "svg.fonttype": "none", "font.size": 10}

Row = Mapping[str, Any]


def draw(target: Path, rows: Sequence[Row]) -> None:
    """Write target-light.svg and target-dark.svg; the same rows give the same bytes.

    Raises `UserError`: matplotlib is missing.
    """
    matplotlib = require("matplotlib", "charts")
    for theme, (ink, grid) in THEMES.items():
        colors = {"text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": grid}
        colors |= {"xtick.color": ink, "ytick.color": ink, "grid.color": grid}
        with matplotlib.rc_context({**SETTINGS, **colors}):
            _draw(target.with_name(f"{target.name}-{theme}.svg"), rows)


def _draw(file: Path, rows: Sequence[Row]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (column, label) in zip(figure.subplots(1, 2, sharey=True), AXES.items(), strict=True):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        best = max((row["mean"] for row in rows if row["ours"]), default=0)
        for row in rows:
            _point(axes, row, column, above=not row["ours"] or row["mean"] == best)
        axes.set_xlabel(label)
        axes.grid(alpha=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.25, y=0.1)
    figure.axes[0].set_ylabel("mean accuracy of ten tasks")
    with atomic_file(file) as work:
        nothing = {"Date": None, "Creator": None}
        figure.savefig(work, format="svg", transparent=True, metadata=nothing)


def _point(axes: Any, row: Row, column: str, above: bool) -> None:
    x = max(SMALLEST_KB, row["bytes"] / 1000) if column == "kilobytes" else row["p50_ms"]
    color = OURS if row["ours"] else OTHERS
    axes.plot(x, row["mean"], "o", color=color, markersize=6)
    side = -1 if row["ours"] else 1  # ours lie close together: to the left, one above the other
    place: dict[str, Any] = {
        "xytext": (6 * side, 3 if above else -9),
        "ha": "right" if side < 0 else "left",
    }
    place |= {"textcoords": "offset points", "fontsize": 8}
    axes.annotate(row["model"], (x, row["mean"]), **place)
