"""Learn three words from a share of their labels: CLAR with labels, fine-tuning, and from scratch.

python benchmarks/few_labels.py DATA --out runs/few-labels

DATA has the folder `keywords`. Speakers are either trained on or tested. All recordings of the
training speakers are heard without labels; a drawn share of them has one. Existing runs are
continued.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import tiny_audio_ssl
from tiny_audio_ssl.embedding.embedder import Embedder, load
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.finetuning import protocols as finetuning
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, random_weights
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.tasks.clar import Clar
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "few_labels.csv"
WORDS = ("bed", "cat", "happy")
SHORTEST_S = 0.975
TESTED = 0.2  # share of the speakers


@dataclass(frozen=True)
class FewLabels:
    """Write a row for each share of labels, draw of them, and way to learn."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with `keywords`."""
    out: Path = Path("runs/few-labels")
    """Folder for manifests and runs."""
    csv: Path = RESULTS
    shares: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the training recordings that have a label."""
    draws: int = 3
    """Draws of the labeled recordings."""
    steps: int = 400
    """Steps of pre-training with 64 recordings each."""
    augmentations: tuple[str, ...] = ("fade", "time-mask", "time-shift", "noise")


def main(wanted: FewLabels) -> None:
    """Train and score every way to learn."""
    wanted.out.mkdir(parents=True, exist_ok=True)
    contrast = pretrained(wanted, wanted.out / "contrast", listed(wanted, 0.0, 0), ())
    rows = []
    for share in wanted.shares:
        for draw in range(wanted.draws if share < 1 else 1):
            rows += list(rows_of(wanted, contrast, share, draw))
            write_rows(wanted.csv, rows)
    show(rows)


def rows_of(
    wanted: FewLabels, contrast: Embedder, share: float, draw: int
) -> Iterator[dict[str, Any]]:
    """Yield the accuracy of each way to learn on the recordings of the tested speakers."""
    manifest = listed(wanted, share, draw)
    clar = pretrained(wanted, wanted.out / f"clar-{share:g}-{draw}", manifest, WORDS)
    task = open_task(EvaluationTask("words", str(manifest), label="label", split="split"))
    labels = len(task.splits[0].train)
    scores = {
        "CLAR with labels, then a linear probe": probed(clar, task),
        "contrast, then a linear probe": probed(contrast, task),
        "contrast, then fine-tuning": fine_tuned(contrast, task, "fine-tuning"),
        "from scratch": fine_tuned(contrast, task, "supervised"),
        "random weights, then a linear probe": probed(random_weights(contrast), task),
        "log-mel statistics, then a linear probe": probed(LogMelStatistics(), task),
    }
    for way, accuracy in scores.items():
        yield {
            **{"way": way, "share": share, "labels": labels, "draw": draw},
            **{"accuracy": round(accuracy, 4), "tested": len(task.splits[0].test)},
            "steps": wanted.steps,
        }


def probed(model: Any, task: OpenedTask) -> float:
    """Return the accuracy of a linear probe that is fitted on the labeled recordings."""
    return evaluate(model, task, "linear", EmbeddingStore()).accuracy


def fine_tuned(model: Embedder, task: OpenedTask, protocol: Any) -> float:
    """Return the accuracy of an encoder that is trained on the labeled recordings."""
    return finetuning.evaluate(model, [task], protocol, FinetuneConfig())[0].accuracy


def pretrained(wanted: FewLabels, run: Path, manifest: Path, classes: tuple[str, ...]) -> Embedder:
    """Pre-train on the training speakers, and open the learned part of the encoder."""
    training = manifest.with_name(f"{manifest.stem}-training.csv")
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    write_rows(training, rows)
    if run.exists():
        tiny_audio_ssl.resume(run, progress=False)
        return load(run)
    config = PretrainConfig(
        "clar",
        Clar.Config(classes=classes, augmentations=wanted.augmentations),
        EncoderConfig("mobile", readout=("last",)),
        training=TrainingConfig(steps=wanted.steps, batch_size=64, held_out=0.0),
    )
    tiny_audio_ssl.pretrain(training, run, config, progress=False)
    return load(run)


def listed(wanted: FewLabels, share: float, draw: int) -> Path:
    """Write the recordings, with speakers on either side and a label in a share of the cells.

    Every word has one labeled recording or more, unless `share` is 0.
    """
    path = wanted.out / f"labels-{share:g}-{draw}.csv"
    folder = (wanted.data / "keywords").absolute()
    (meta,) = folder.glob("*.csv")
    with meta.open(newline="") as file:
        recordings = [
            row
            for row in csv.DictReader(file)
            if row["word"] in WORDS and float(row["seconds"]) >= SHORTEST_S
        ]
    speakers = sorted({row["speaker"] for row in recordings})
    shuffled = np.random.default_rng(0).permutation(speakers)
    tested = set(shuffled[: round(TESTED * len(speakers))].tolist())
    rng, labeled = np.random.default_rng([1, draw]), set()
    for word in WORDS:
        own = [
            row["filename"]
            for row in recordings
            if row["word"] == word and row["speaker"] not in tested
        ]
        count = max(1, round(share * len(own))) if share else 0
        labeled |= set(rng.permutation(own)[:count].tolist())
    rows = []
    for row in recordings:
        is_test = row["speaker"] in tested
        known = is_test or row["filename"] in labeled
        rows.append(
            {
                "path": str(folder / row["filename"]),
                "label": row["word"] if known else "",
                "split": "test" if is_test else "train",
            }
        )
    write_rows(path, rows)
    return path


def show(rows: list[dict[str, Any]]) -> None:
    """Print the mean over the draws of each way to learn."""
    shares = sorted({row["share"] for row in rows})
    table = Table("way", *(f"{share:.0%} of the labels" for share in shares))
    for way in dict.fromkeys(row["way"] for row in rows):
        cells = []
        for share in shares:
            own = [r["accuracy"] for r in rows if r["way"] == way and r["share"] == share]
            cells.append(f"{np.mean(own):.3f}")
        table.add_row(way, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main(tyro.cli(FewLabels, description=__doc__))
