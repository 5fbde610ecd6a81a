"""Export runs in every form; how large, how true to the model and how fast is each?

python benchmarks/artifacts.py runs/quality/*
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from tiny_audio_ssl import checkpoint
from tiny_audio_ssl.export import Artifact, export_run
from tiny_audio_ssl.files import atomic_file
from tiny_audio_ssl.latency import Row, measure

RESULTS = Path(__file__).parent / "results" / "artifacts.csv"
TIMES = (
    "device", "runtime", "version", "precision", "input", "threads", "bytes", "window_ms", "load_ms",
    "first_run_ms", "p50_ms", "p90_ms", "min_ms", "runs",
)  # fmt: skip


@dataclass(frozen=True)
class Artifacts:
    """One row for each form of each run. Parity is measured on windows not calibrated on."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Runs to export, each to RUN/export."""
    csv: Path = RESULTS
    threads: int = 1
    timed_runs: int = 200
    """Of each form; all forms of one run take turns."""


def main(wanted: Artifacts) -> None:
    rows = [row for run in wanted.runs for row in rows_of(run, wanted)]
    with atomic_file(wanted.csv) as work, work.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    show(rows)


def rows_of(run: Path, wanted: Artifacts) -> list[dict[str, Any]]:
    found = checkpoint.load(run)
    result = export_run(run)
    artifacts = {a.path.name: a for a in result.artifacts}
    common = {"task": found.run["task"], "encoder": found.model.encoder.config.name}
    timed = measure([result.folder], wanted.threads, wanted.timed_runs)
    return [
        {**common, "artifact": row.artifact, **parity(artifacts.get(row.artifact)), **times(row)}
        for row in timed
    ]


def parity(artifact: Artifact | None) -> dict[str, Any]:
    """Empty for eager, which the others are compared with."""
    names = ("windows", "snr_db", "mean_cosine", "min_cosine")
    found = asdict(artifact.parity) if artifact and artifact.parity else {}
    portable = sum(artifact.operators.portable.values()) if artifact and artifact.operators else ""
    figures = {name: round(found[name], 5) if name in found else "" for name in names}
    return {**figures, "portable_operators": portable}


def times(row: Row) -> dict[str, Any]:
    kept = {name: getattr(row, name) for name in TIMES}
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in kept.items()}
    return {**rounded, "times_faster_than_eager": round(row.speedup or 0.0, 2)}


def show(rows: list[dict[str, Any]]) -> None:
    table = Table(title="Artifacts")
    columns = ("task", "encoder", "artifact", "bytes", "snr_db", "mean_cosine", "p50_ms")
    names = (*columns, "times_faster_than_eager")
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(str(row[name]) for name in names))
    Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(Artifacts, description=__doc__))
