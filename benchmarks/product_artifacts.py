"""Export what tasks give beside the embedding, and measure size, distance from the task, and time.

python benchmarks/product_artifacts.py runs/speech-enhancement runs/separation runs/spice runs/cdpam
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import tyro
from artifacts import parity, times

from tiny_audio_ssl.bench.run import bench
from tiny_audio_ssl.export.config import Input
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.products import product_of
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "product_artifacts.csv"


@dataclass(frozen=True)
class ProductArtifacts:
    """Write one row for each form of each run's product: for a window, and for a packet of a stream
    where there is one."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs of tasks with a product, to export to a temporary folder."""
    csv: Path = RESULTS
    timed_runs: int = 200
    """Timed runs of each form; all forms of one run take turns."""


def main(wanted: ProductArtifacts) -> None:
    rows = []
    for run in wanted.runs:
        with TemporaryDirectory(prefix="products-") as folder:
            rows += rows_of(run, Path(folder) / "export", wanted.timed_runs)
    write_rows(wanted.csv, rows)


def rows_of(run: str, folder: Path, timed_runs: int) -> list[dict[str, Any]]:
    found = checkpoint.load(run)
    product = product_of(run, found)
    inputs: tuple[Input, ...] = ("waveform", "stream") if product.stream else ("waveform",)
    result = export(run, folder, product=product.name, input=inputs)
    artifacts = {artifact.path.name: artifact for artifact in result.artifacts}
    return [
        {
            "task": found.run["task"], "product": product.name, "artifact": row.artifact,
            **parity(artifacts.get(row.artifact)), **times(row),
        }
        for row in bench(result.folder, threads=1, runs=timed_runs)
    ]  # fmt: skip


if __name__ == "__main__":
    main(tyro.cli(ProductArtifacts, description=__doc__))
