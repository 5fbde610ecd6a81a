"""bench: how fast are artifacts on this machine?"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro
from rich import box
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.files import atomic_file
from tiny_audio_ssl.latency import Row, measure


@dataclass
class Bench(Command):
    """Time exported artifacts on this machine, and eager PyTorch beside them.

    All forms take turns in one process, so that a busy moment hits all alike: trust the ratios.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATHS...")]
    """Export folders (RUN/export), or artifacts within them."""
    threads: int = 1
    """Threads of every runtime."""
    runs: int = 200
    """Timed runs of each form."""
    warm_up: int = 20
    """Runs before them that do not count."""
    csv: Path | None = None
    """Write one row a form there."""
    keep_samples: bool = False
    """Keep the time of every run, in the CSV and the JSON."""
    json: bool = False
    """Print JSON instead of the table."""

    def run(self) -> int:
        with err.status("timing"):
            rows = measure(self.paths, self.threads, self.runs, self.warm_up, self.keep_samples)
        if self.csv:
            write_csv(self.csv, rows)
        if self.json:
            print(json.dumps([asdict(row) for row in rows]))
        else:
            out.print(table(rows))
        return 0


def write_csv(target: Path, rows: Sequence[Row]) -> None:
    """One row a form; samples are joined by spaces."""
    with atomic_file(target) as work, work.open("w", newline="") as file:
        writer = csv.DictWriter(file, [column.name for column in fields(Row)])
        writer.writeheader()
        for row in rows:
            samples = " ".join(f"{sample:.4f}" for sample in row.samples_ms)
            writer.writerow(asdict(row) | {"samples_ms": samples})


def table(rows: Sequence[Row]) -> Table:
    first = rows[0]
    title = f"Milliseconds; {first.device}, threads: {first.threads}, {first.runs} runs each"
    made = Table(title=title, box=box.SIMPLE_HEAD)
    made.add_column("form", no_wrap=True)
    for name in ("kB", "load", "first", "p50", "p90", "x eager"):
        made.add_column(name, justify="right")
    for row in rows:
        made.add_row(
            row.artifact,
            f"{row.bytes / 1000:.0f}" if row.bytes else "",
            f"{row.load_ms:.2f}" if row.load_ms else "",
            *(f"{ms:.3f}" for ms in (row.first_run_ms, row.p50_ms, row.p90_ms)),
            f"{row.speedup:.1f}",
        )
    return made
