"""Table of the exported artifacts of several runs: size, closeness to the model, latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tiny_audio_ssl.bench.rows import Row
from tiny_audio_ssl.bench.saved_rows import read_saved
from tiny_audio_ssl.bench.settings import HOST
from tiny_audio_ssl.export import manifest

BENCH = "bench.csv"  # in the export folder, written by `bench RUN/export --csv FILE`
EAGER = "eager "  # prefix of the name of the model itself, timed together with its artifacts


@dataclass(frozen=True)
class ArtifactRow:
    """An exported form; None is unknown."""

    name: str
    kilobytes: float | None
    snr_db: float | None  # of the centered embeddings, compared with the model's
    p50_ms: float | None
    p90_ms: float | None

    @property
    def is_eager(self) -> bool:
        """Whether this is the model itself, in eager PyTorch."""
        return self.name.startswith(EAGER)


@dataclass(frozen=True)
class Exported:
    """Contents of RUN/export."""

    artifacts: list[ArtifactRow]
    notes: list[str]  # remarks for the reader


@dataclass(frozen=True)
class ArtifactTable:
    """One line per artifact, with the same columns for every exported run."""

    runs: list[str]
    columns: list[str]
    lines: list[tuple[str, list[str]]]
    notes: list[str]


def read_export(folder: Path, model_sha256: str, timings: Sequence[Row] = ()) -> Exported:
    """Read the artifacts in a folder, with times from `timings` or else from its bench.csv.

    Raises `UserError`: the manifest has another version, or bench.csv has no times.
    """
    if not (folder / manifest.MANIFEST).is_file():
        return Exported([], ["not exported; run tiny-audio-ssl export RUN"])
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
        notes.append("exported from a different checkpoint than the one on this page")
    return Exported([*eager, *made], notes)


def _bench(folder: Path) -> list[dict[str, str]]:
    path = folder / BENCH
    if not path.is_file():
        return []
    again = f"write it again with tiny-audio-ssl bench {folder} --csv {path}"
    rows = read_saved(path, ("artifact", "device", "threads", "runs"), ("p50_ms", "p90_ms"), again)
    return [row for row in rows if row.get("target", HOST) == HOST] or rows


def _times(row: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    return (float(row["p50_ms"]), float(row["p90_ms"])) if row else (None, None)


def _timed(times: Mapping[str, Mapping[str, Any]]) -> str:
    """Describe the device and settings of the timings."""
    row = next(iter(times.values()), None)
    if row is None:
        return "latencies not measured; use --bench"
    return f"timed on {row['device']}, threads: {row['threads']}, {row['runs']} runs of each"


def tabulate_artifacts(exports: Mapping[str, Exported]) -> ArtifactTable:
    """Return all artifacts of all runs side by side; `exports` are by the name of the run."""
    there = {run: exported.artifacts for run, exported in exports.items() if exported.artifacts}
    every = [artifact for artifacts in there.values() for artifact in artifacts]
    timed = any(artifact.p50_ms is not None for artifact in every)
    columns = ["kB", "SNR, dB", *(("p50, ms", "p90, ms") if timed else ())]
    lines = []
    for name in dict.fromkeys(artifact.name for artifact in every):
        found = [next((a for a in own if a.name == name), None) for own in there.values()]
        lines.append((name, [text for one in found for text in _texts(one)[: len(columns)]]))
    return ArtifactTable(list(there), columns, lines, _merged_notes(exports))


def _merged_notes(exports: Mapping[str, Exported]) -> list[str]:
    """Return each note once, with the names of the runs that have it."""
    runs: dict[str, list[str]] = {}
    for run, exported in exports.items():
        for note in exported.notes:
            runs.setdefault(note, []).append(run)
    return [
        f"{'All' if len(names) == len(exports) > 1 else ', '.join(names)}: {note}."
        for note, names in runs.items()
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
