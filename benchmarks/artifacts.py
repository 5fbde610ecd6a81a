"""Export models in every form, and measure size, distance from the model and time of each.

python benchmarks/artifacts.py tiny small --root DATA
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from tiny_audio_ssl.bench.rows import Row
from tiny_audio_ssl.bench.run import bench
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.in_windows import InWindows
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.artifact_builder import ExportedArtifact
from tiny_audio_ssl.export.artifact_model import open_model
from tiny_audio_ssl.export.config import FormatName
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.precision_search import PrecisionTarget
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.names import folder_of
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "artifacts.csv"
GUIDE = Path(__file__).parent / "suites" / "guide.toml"
TIMES = (
    "device", "runtime", "version", "precision", "input", "threads", "bytes", "window_ms",
    "load_ms", "first_run_ms", "p50_ms", "p90_ms", "min_ms", "runs",
)  # fmt: skip


@dataclass(frozen=True)
class ArtifactBenchmark:
    """One row for each form of each model. Parity is measured on windows not calibrated on, and the
    probes' accuracy on embeddings that are means over windows, the model's as the artifact's."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs, or models that come with the package, to export to a temporary folder."""
    root: Path | None = None
    """The folder of the labeled recordings of --suite; no probes if left out."""
    suite: Path = GUIDE
    format: tuple[FormatName, ...] = ("executorch", "onnx")
    csv: Path = RESULTS
    threads: int = 1
    timed_runs: int = 200
    """Timed runs of each form; all forms of one model take turns."""


def main(wanted: ArtifactBenchmark) -> None:
    rows = []
    for name in wanted.models:
        with TemporaryDirectory(prefix="artifacts-") as folder:
            rows += rows_of(name, Path(folder) / "export", wanted)
    write_rows(wanted.csv, rows)
    show(rows)


def rows_of(name: str, folder: Path, wanted: ArtifactBenchmark) -> list[dict[str, Any]]:
    found = checkpoint.load(folder_of(name))
    result = export(name, folder, format=wanted.format, precision="all")
    artifacts = {a.path.name: a for a in result.artifacts}
    encoder = found.model.encoder.config
    common = {"model": name, "encoder": encoder.name, "pooling": encoder.pooling}
    timed = bench(result.folder, threads=wanted.threads, runs=wanted.timed_runs)
    drops = probe_drops(name, result, wanted)
    shares = frontend_shares(timed)
    return [
        {
            **common, "artifact": row.artifact, **parity(artifacts.get(row.artifact)),
            **drops.get(row.artifact, dict.fromkeys(next(iter(drops.values()), {}), "")),
            **times(row), "frontend_share_of_ms": shares.get(row.artifact, ""),
        }
        for row in timed
    ]  # fmt: skip


def probe_drops(
    run: str, result: ExportResult, wanted: ArtifactBenchmark
) -> dict[str, dict[str, float]]:
    """Return the points of accuracy that each waveform artifact loses on each task, by file."""
    if wanted.root is None:
        return {}
    tasks = tuple(open_task(task) for task in read_suite(wanted.suite, wanted.root))
    target = PrecisionTarget(max_probe_drop=100.0, tasks=tasks)
    samples = manifest.read(result.folder)["window_samples"]
    embedder = embedding.load(run)
    name = f"{embedder.identity}-in-windows-{samples}"
    model = InWindows(embedder.embed, samples, embedder.dim, "model", name)
    files = [a.path for a in result.artifacts if a.form.input == "waveform"]
    found = {path.name: target.drops(model, open_model(path)) for path in files}
    return {
        file: {f"{task} points lost": round(lost, 2) for task, lost in drops.items()}
        for file, drops in found.items()
    }


def frontend_shares(rows: Sequence[Row]) -> dict[str, float]:
    """Return the share of a waveform form's time that the form with log-mel in saves."""
    spared = {r.artifact: r.p50_ms for r in rows}
    return {
        name: round(1 - spared[other] / ms, 3)
        for name, ms in spared.items()
        if "waveform" in name and (other := name.replace("waveform", "mel")) in spared
    }


def parity(artifact: ExportedArtifact | None) -> dict[str, Any]:
    """Return an artifact's figures; empty for eager, with which the others are compared."""
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
    columns = ("model", "encoder", "artifact", "bytes", "snr_db", "frontend_share_of_ms", "p50_ms")
    names = (*columns, "times_faster_than_eager")
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(str(row[name]) for name in names))
    Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(ArtifactBenchmark, description=__doc__))
