"""Exported artifacts of runs, as one table: sizes, how close to the model, how fast."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiny_audio_ssl.bench.rows import Row
from tiny_audio_ssl.bench.settings import HOST
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest

if TYPE_CHECKING:
    from tiny_audio_ssl.report.runs import Run

BENCH = (
    "bench.csv"  # in the export folder, as `bench RUN/export --csv RUN/export/bench.csv` puts it
)
EAGER = "eager "  # beginning of the name of the model itself, timed beside its artifacts


@dataclass(frozen=True)
class ArtifactRow:
    """An exported form; None is not known."""

    name: str
    kilobytes: float | None
    snr_db: float | None  # of the centred embeddings, beside the model's
    p50_ms: float | None
    p90_ms: float | None

    @property
    def is_eager(self) -> bool:
        return self.name.startswith(EAGER)


@dataclass(frozen=True)
class Exported:
    """What RUN/export holds."""

    artifacts: list[ArtifactRow]
    notes: list[str]  # what to know of them


@dataclass(frozen=True)
class ArtifactTable:
    """A line an artifact, and for every exported run the same columns."""

    runs: list[Run]
    columns: list[str]
    lines: list[tuple[str, list[str]]]
    notes: list[str]


def read_export(folder: Path, model_sha256: str, timings: Sequence[Row] = ()) -> Exported:
    """The artifacts in a folder, timed as in `timings` or else in its bench.csv.

    Raises `UserError`: a manifest of another version, a bench.csv of something else.
    """
    if not (folder / manifest.MANIFEST).is_file():
        return Exported([], ["not exported; tiny-audio-ssl export RUN does"])
    content = manifest.read(folder)
    times = {row["artifact"]: row for row in ([asdict(t) for t in timings] or _bench(folder))}
    made = [
        ArtifactRow(
            entry["file"],
            entry["bytes"] / 1000,
            (entry.get("parity") or {}).get("snr_db"),
            *_times(times.get(entry["file"])),
        )
        for entry in content["artifacts"]
    ]
    eager = [ArtifactRow(name, None, None, *_times(times[name])) for name in times if EAGER in name]
    notes = [_timed(times)]
    if content["checkpoint"]["model_sha256"] != model_sha256:
        notes.append("exported from another checkpoint than the one on this page")
    return Exported([*eager, *made], notes)


def _bench(folder: Path) -> list[dict[str, Any]]:
    path = folder / BENCH
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    if not rows or not {"artifact", "p50_ms", "p90_ms", "device", "threads", "runs"} <= set(
        rows[0]
    ):
        raise UserError(
            f"{path}: no times in it; write it again with "
            f"tiny-audio-ssl bench {folder} --csv {path}"
        )
    return [row for row in rows if row.get("target", HOST) == HOST] or rows


def _times(row: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    return (float(row["p50_ms"]), float(row["p90_ms"])) if row else (None, None)


def _timed(times: Mapping[str, Mapping[str, Any]]) -> str:
    """On what, in words."""
    row = next(iter(times.values()), None)
    if row is None:
        return "latencies not measured; --bench does"
    return f"timed on {row['device']}, threads: {row['threads']}, {row['runs']} runs of each"


def tabulate_artifacts(runs: Sequence[Run]) -> ArtifactTable:
    """All artifacts of all runs, side by side."""
    there = [run for run in runs if run.exported.artifacts]
    names = list(dict.fromkeys(a.name for run in there for a in run.exported.artifacts))
    timed = any(a.p50_ms is not None for run in there for a in run.exported.artifacts)
    columns = ["kB", "SNR, dB", *(("p50, ms", "p90, ms") if timed else ())]
    lines = []
    for name in names:
        found = [next((a for a in r.exported.artifacts if a.name == name), None) for r in there]
        lines.append((name, [text for one in found for text in _texts(one)[: len(columns)]]))
    return ArtifactTable(there, columns, lines, _together(runs))


def _together(runs: Sequence[Run]) -> list[str]:
    """What is alike for several runs is said once."""
    said: dict[str, list[str]] = {}
    for run in runs:
        for note in run.exported.notes:
            said.setdefault(note, []).append(run.name)
    return [
        f"{'All' if len(names) == len(runs) > 1 else ', '.join(names)}: {note}."
        for note, names in said.items()
    ]


def _texts(artifact: ArtifactRow | None) -> list[str]:
    if artifact is None:
        return ["not exported", "", "", ""]
    kilobytes, snr = ("no file", "itself") if artifact.is_eager else ("", "not compared")
    if artifact.kilobytes is not None:
        kilobytes = f"{artifact.kilobytes:,.0f}"
    if artifact.snr_db is not None:
        snr = f"{artifact.snr_db:.1f}"
    times = (artifact.p50_ms, artifact.p90_ms)
    return [kilobytes, snr, *("not timed" if ms is None else f"{ms:.2f}" for ms in times)]
