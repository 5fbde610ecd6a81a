"""Draw rows as bars: p50 as a filled bar, p90 as a line that extends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.bench.rows import Row
from tiny_audio_ssl.bench.subjects import PEER
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ownership import check_target, has_mark, mark

COMMAND = "bench --chart"
ENDINGS = (".png", ".svg")
# Okabe and Ito's colors, which color-blind readers can tell apart.
COLORS = {
    "torch": "#999999",
    "onnxruntime": "#0072b2",
    "executorch": "#d55e00",
    "onnxruntime-web": "#56b4e9",
}
NAMES = {
    "onnxruntime": "ONNX Runtime",
    "onnxruntime-web": "ONNX Runtime Web",
    "executorch": "ExecuTorch",
}
BAR_INCHES, PANEL_INCHES, FRAME_INCHES = 0.24, 6.0, 0.9
MARGIN = 1.2  # axis length / longest line, for the numbers behind it

Place = tuple[str, str]  # device, model


def check_chart(target: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise `UserError` if no chart can be drawn to `target`.

    Its name ends with neither .png nor .svg, it is one of the inputs or an existing file that is
    not such a chart, or matplotlib is missing.
    """
    if target.suffix not in ENDINGS:
        raise UserError(f"--chart {target}: expected a name that ends with {' or '.join(ENDINGS)}")
    check_target(target, has_mark(mark(COMMAND)), inputs, "--chart")
    require("matplotlib", "charts")


def draw_chart(target: Path, rows: Sequence[Row]) -> None:
    """Draw a row of panels for each kind of input, and a column for each device and model.

    Peers stand in the last row. The same rows give the same bytes in an .svg.

    Args:
        target: a .png or .svg file.

    Raises `UserError`: what `check_chart` raises.
    """
    check_chart(target)
    from matplotlib import rc_context

    # Names may hold a $, which would start a formula.
    with rc_context({"svg.hashsalt": "bars", "text.parse_math": False}):
        _draw(target, rows)


def _draw(target: Path, rows: Sequence[Row]) -> None:
    from matplotlib.figure import Figure

    places = list(dict.fromkeys(_place(row, rows) for row in rows))
    kinds = list(dict.fromkeys(sorted(map(_kind, rows), key="peers".__eq__)))
    panels = [[[r for r in rows if _kind(r) == kind and _place(r, rows) == place]
               for place in places] for kind in kinds]  # fmt: skip
    heights = [max(map(len, of_kind)) for of_kind in panels]
    figure = Figure(
        figsize=(PANEL_INCHES * len(places), BAR_INCHES * sum(heights) + FRAME_INCHES * len(kinds)),
        layout="constrained",
    )
    several_devices = len({row.device for row in rows}) > 1
    grid = figure.subplots(len(kinds), len(places), squeeze=False, height_ratios=heights)
    for of_kind, axes_of_kind in zip(panels, grid, strict=True):
        longest_ms = max(row.p90_ms for panel in of_kind for row in panel)
        for panel, axes in zip(of_kind, axes_of_kind, strict=True):
            _panel(axes, panel, MARGIN * longest_ms, _title(panel, several_devices))
    threads = ", ".join(sorted({str(row.threads) for row in rows}))
    where = "" if several_devices else f" on {rows[0].device}"
    title = f"Milliseconds{where}, p50 (bar) / p90 (line); threads: {threads}"
    figure.suptitle(title, fontsize=11)
    with atomic_file(target) as work:
        figure.savefig(work, dpi=110, metadata=_metadata(target))


def _metadata(target: Path) -> dict[str, str | None]:
    """Return the mark, and for an SVG no date."""
    if target.suffix == ".svg":
        return {"Date": None, "Creator": mark(COMMAND)}
    return {"Software": mark(COMMAND)}


def _kind(row: Row) -> str:
    return "peers" if row.model == PEER else row.input


def _place(row: Row, rows: Sequence[Row]) -> Place:
    """Return the column; peers stand in the first of their device."""
    models = (r.model for r in rows if r.device == row.device and r.model != PEER)
    return row.device, next(models, PEER) if row.model == PEER else row.model


def _panel(axes: Any, rows: Sequence[Row], width_ms: float, title: str) -> None:
    if not rows:
        axes.set_axis_off()
        return
    at = range(len(rows))
    p50 = [row.p50_ms for row in rows]
    axes.barh(at, p50, color=[COLORS[row.runtime] for row in rows], height=0.72)
    axes.hlines(at, p50, [row.p90_ms for row in rows], color="black", linewidth=1.2)
    for y, row in zip(at, rows, strict=True):
        axes.text(row.p90_ms, y, f" {row.p50_ms:.2f} / {row.p90_ms:.2f}", va="center", fontsize=8)
    axes.set_yticks(at, [_label(row) for row in rows], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, width_ms)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=9, loc="left")


def _title(rows: Sequence[Row], with_device: bool) -> str:
    if not rows:
        return ""
    model = "peers" if rows[0].model == PEER else f"{rows[0].model}, {rows[0].input}"
    return f"{model}\non {rows[0].device}" if with_device else model


def _label(row: Row) -> str:
    """Label a bar, such as `ONNX Runtime int8, C++`."""
    through = {"host": "", "host-native": ", C++"}.get(row.target, "")
    if row.phone and row.phone.through == "app":
        through = ", app"
    if row.model == PEER:
        return f"{row.artifact}{through}"
    if row.runtime == "torch":
        return row.artifact.partition(" ")[0]
    return f"{NAMES[row.runtime]} {row.precision}{through}"
