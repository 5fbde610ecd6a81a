"""Rows and changes as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.table import Table

from tiny_audio_ssl.bench.compare import Comparison
from tiny_audio_ssl.bench.rows import Row
from tiny_audio_ssl.bench.settings import HOST, HOST_NATIVE

THROTTLED = 1.2  # times as slow at the end of a measurement as at its start
WIDTH = 200  # characters a table may take where the output has no width, as in a pipe
NARROWEST = 100  # characters that all columns need
COLUMNS = ("kB", "load", "first", "p50", "p90", "faster", "95 %", "of peak")
MAIN_COLUMNS = ("kB", "p50", "p90", "faster")


def tables(rows: Sequence[Row], narrow: bool = False) -> list[Table]:
    """Return a table for each device, target and model; if `narrow`, with the main columns only."""
    return [_table(list(group), narrow) for _, group in groupby(rows, key=_place)]


def _place(row: Row) -> tuple[str, ...]:
    phone = row.phone
    through = (phone.serial, phone.through) if phone else ()
    return (row.target, row.device, *through, row.model)


def _table(rows: Sequence[Row], narrow: bool) -> Table:
    made = Table(
        title=_title(rows[0]),
        caption=_caption(rows),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    made.add_column("artifact", no_wrap=True)
    names = MAIN_COLUMNS if narrow else COLUMNS
    for name in names:
        made.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = _cells(row)
        made.add_row(row.artifact, *(cells[name] for name in names))
    return made


def _cells(row: Row) -> dict[str, str]:
    """Return the text of each of `COLUMNS`."""
    return {
        "kB": f"{row.bytes / 1000:.0f}" if row.bytes else "",
        "load": f"{row.load_ms:.2f}" if row.load_ms else "",
        "first": f"{row.first_run_ms:.3f}",
        "p50": f"{row.p50_ms:.3f}",
        "p90": f"{row.p90_ms:.3f}",
        "faster": f"{row.speedup:.2f}" if row.speedup else "",
        "95 %": f"{row.speedup_low:.1f} - {row.speedup_high:.1f}" if row.speedup else "",
        "of peak": f"{100 * row.of_peak:.0f} %" if row.of_peak else "",
    }


def _title(row: Row) -> str:
    where = {HOST: "from Python", HOST_NATIVE: "by the C++ runner"}.get(row.target, row.system)
    through = f", by the {row.phone.through}" if row.phone else ""
    return (
        f"{row.model} on {row.device}, {where}{through}\n"
        f"milliseconds; threads: {row.threads}, {row.runs} runs each"
    )


def _caption(rows: Sequence[Row]) -> str:
    baselines = sorted({row.baseline for row in rows if row.baseline})
    lines = [f"faster: times as fast as {' or '.join(baselines)}"] if baselines else []
    if peak := rows[0].peak_gflops:
        lines.append(
            f"peak: {peak:.3g} GFLOP/s, of a float32 matrix product, threads: {rows[0].threads}"
        )
    if rows[0].is_clean is False:
        lines.append(
            f"not clean: this machine's matrix product took {rows[0].machine_drift:.2f} times as "
            "long in the slowest round as in the fastest; measure again when it is quiet"
        )
    slowdowns = [(row.artifact, row.web.slowdown) for row in rows if row.web]
    if slower := [f"{name} ({by:.2f})" for name, by in slowdowns if by > THROTTLED]:
        lines.append(f"the device slowed down, last runs / first: {', '.join(slower)}")
    if unsteady := [row.artifact for row in rows if row.phone and not row.phone.steady]:
        lines.append(f"not steady, the medians of the rounds differ: {', '.join(unsteady)}")
    return "\n".join(lines)


def change_table(found: Comparison, tolerance: float) -> Table:
    """Return a table of how each artifact's median has changed."""
    drifts = [f"{change.drift:.2f}" for change in found.changes[:1] if change.drift != 1]
    made = Table(
        title="Compared with before",
        caption=(
            f"slower: the interval of new / old lies above 1, and new / old above "
            f"{1 + tolerance:g}, corrected for the machine's drift"
            + (f"\nits matrix product takes {drifts[0]} times as long as before" if drifts else "")
        ),
        box=box.SIMPLE_HEAD,
    )
    for name in ("target", "artifact", "runtime before", "now"):
        made.add_column(name, no_wrap=True)
    for name in ("p50 before", "now", "new / old", "[95 %]", ""):
        made.add_column(name, justify="right", no_wrap=True)
    for change in found.changes:
        row, ratio = change.row, change.ratio
        made.add_row(
            row.target,
            f"{row.model} {row.artifact}",
            change.old_version,
            row.version,
            f"{change.old_p50_ms:.3f}",
            f"{row.p50_ms:.3f}",
            f"{ratio.value:.2f}",
            f"{ratio.low:.2f} - {ratio.high:.2f}",
            "slower" if change.slower else "",
            style="red" if change.slower else None,
        )
    return made
