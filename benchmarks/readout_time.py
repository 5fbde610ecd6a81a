"""Time readouts: what does each add to the time and the size of an artifact?

python benchmarks/readout_time.py small tiny

Artifacts in float32 of the same weights, from waveform to embedding, take turns in the C++ runner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import tyro
from native_turns import timed
from readout import PLAIN, READOUTS

from tiny_audio_ssl.audio.io import WINDOW_SAMPLES
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.statistics import median, ratio
from tiny_audio_ssl.export.to_executorch import to_executorch
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "readout_time.csv"
BASE = "last"


@dataclass(frozen=True)
class TimeReadouts:
    """Write one row for each model and readout."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Runs, or models that come with the package."""
    rounds: int = 15
    timed_runs: int = 200
    """Timed runs of each artifact in each round."""
    csv: Path = RESULTS


def main(wanted: TimeReadouts) -> None:
    rows = [row for model in wanted.models for row in rows_of(model, wanted)]
    write_rows(wanted.csv, rows)


def rows_of(model: str, wanted: TimeReadouts) -> Iterator[dict[str, Any]]:
    options = RunnerOptions(runs=wanted.timed_runs, samples=True)
    with TemporaryDirectory(prefix="readouts-") as folder:
        files = written(model, Path(folder))
        times = timed(files, lambda _: options, wanted.rounds)
        sizes = {name: path.stat().st_size for name, path in files.items()}
    for name in files:
        share = ratio(times[name], times[BASE])
        row = {
            "model": model,
            "readout": name,
            "p50_ms": round(median(times[name]).value, 4),
            "times_of_last": round(share.value, 3),
            "low_95": round(share.low, 3),
            "high_95": round(share.high, 3),
            "bytes": sizes[name],
            "device": device_name(),
        }
        print(*row.values(), sep=", ")
        yield row


def written(model: str, folder: Path) -> dict[str, Path]:
    """Write an artifact for each readout with which the encoder runs."""
    files = {}
    for number, (name, settings) in enumerate(READOUTS.items()):
        if BASE not in settings["readout"]:
            continue  # such an artifact would not contain the encoder
        network = checkpoint.load(model, **(PLAIN | settings)).model.constant().eval()
        files[name] = folder / f"{number}.pte"
        to_executorch(network, torch.zeros(1, WINDOW_SAMPLES), files[name])
    return files


if __name__ == "__main__":
    main(tyro.cli(TimeReadouts, description=__doc__))
