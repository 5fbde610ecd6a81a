"""Compare `search --estimate` with what single workers of PASE reach when they are trained.

python benchmarks/quality.py DATA --corpus CORPUS/windows.csv --encoders mobile --no-speech \\
    --no-peers --supervised-folds 0 --out runs/estimate --csv runs/estimate/quality.csv \\
    --tasks pase-lps pase-mfcc pase-prosody pase-gammatone pase-long-mfcc \\
    pase-long-gammatone
python benchmarks/estimate.py DATA --quality runs/estimate/quality.csv

Nothing is trained here: the first command fills the file that is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import tyro
from scipy.stats import spearmanr

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.search.estimate import estimate
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.pase import PSEUDO_LABELS
from tiny_audio_ssl.utils.files import read_rows, write_rows

HERE = Path(__file__).parent


@dataclass(frozen=True)
class EstimateBenchmark:
    """Write a row for each task and worker."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    quality: Path = Path("runs/estimate/quality.csv")
    """Accuracies of runs with single workers, written by `quality.py`."""
    encoder: str = "mobile"
    csv: Path = HERE / "results" / "estimate.csv"
    suite: Path = HERE / "suites" / "small.toml"


def main(wanted: EstimateBenchmark) -> None:
    """Estimate every task, and print the correlations."""
    measured = accuracies(read_rows(wanted.quality), wanted.encoder)
    rows: list[dict[str, Any]] = []
    for task in read_suite(wanted.suite, wanted.data):
        found = estimate([open_task(task)], FrontendConfig())
        rows += rows_of(task.name, found.dependence, found.weights, measured)
        print(f"{task.name}: correlation of ranks {rows[-1]['correlation']}", flush=True)
    write_rows(wanted.csv, rows)


def accuracies(rows: Sequence[Mapping[str, str]], encoder: str) -> dict[tuple[str, str], float]:
    """Return the accuracy of each task and worker, the mean over seeds.

    Raises `UserError` if a worker was not measured.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        worker = row["embedding"].removeprefix("pase-")
        if row["encoder"] == encoder and worker in PSEUDO_LABELS:
            found.setdefault((row["task"], worker), []).append(float(row["accuracy"]))
    known = {worker for _, worker in found}
    if missing := [f"pase-{name}" for name in PSEUDO_LABELS if name not in known]:
        raise UserError(
            f"no accuracy of {' '.join(missing)} with {encoder}; measure them with "
            "benchmarks/quality.py --tasks, as described at the top of this script"
        )
    return {key: mean(values) for key, values in found.items()}


def rows_of(
    task: str,
    dependence: Mapping[str, float],
    weights: Mapping[str, float],
    measured: Mapping[tuple[str, str], float],
) -> list[dict[str, Any]]:
    """Return a row for each worker.

    The correlation is of low dependence with high accuracy; none if all are equally accurate.
    """
    accuracy = [measured[task, name] for name in dependence]
    correlation: float | str = ""
    if len(set(accuracy)) > 1:
        found = spearmanr([-value for value in dependence.values()], accuracy).statistic
        correlation = round(float(found), 4)
    return [
        {
            "task": task,
            "worker": name,
            "dependence": f"{value:.4g}",
            "weight": weights.get(name, 0.0),
            "accuracy": round(reached, 4),
            "correlation": correlation,
        }
        for (name, value), reached in zip(dependence.items(), accuracy, strict=True)
    ]


if __name__ == "__main__":
    main(tyro.cli(EstimateBenchmark, description=__doc__))
