"""Train variants of `small` for a fifth of its training, three seeds each, and probe them.

PYTHONPATH=benchmarks/peers python benchmarks/weights/ablations.py DATA CORPUS/windows.csv \\
    --both-tiers BOTH/windows.csv --mn04 mn04_as.safetensors --out runs/ablations

DATA holds the labeled sets of `suites/small.toml`. All embeddings have `middle` on a linear scale,
whichever the shipped encoders have. Runs and scores that are there are kept, so it may be stopped
at any time, and `--variants` adds others later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import train
import tyro

from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import ReadoutPart
from tiny_audio_ssl.utils.files import read_rows, write_rows

BENCHMARKS = Path(__file__).parents[1]
MN04, WORDS, VOICES = train.TEACHERS
READOUTS: tuple[tuple[ReadoutPart, ...], ...] = (
    ("last",),
    ("last", "mel"),
    ("last", "middle"),
    ("last", "middle", "mel"),
)
PLAIN = {"middle_scale": "linear", "middle_dct": None, "mel_dct": None}
BOTH_TIERS = "both license tiers"
LINEAR = "linear head"
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    LINEAR: {"hidden": 0},
    f"{LINEAR}, mn04_as alone": {"hidden": 0, "teachers": (MN04,)},
    f"{LINEAR}, no teacher of words": {"hidden": 0, "teachers": (MN04, VOICES)},
    f"{LINEAR}, no teacher of voices": {"hidden": 0, "teachers": (MN04, WORDS)},
    f"{LINEAR}, with a teacher of pitch": {
        "hidden": 0,
        "teachers": (*train.TEACHERS, "swiftf0_targets"),
    },
    f"{LINEAR}, no noise": {"hidden": 0, "noise": 0.0},
    BOTH_TIERS: {},
    "one view of each window": {"views": 1, "passes": 16},
    "nothing mixed": {"mix": 0.0},
    "nothing band-limited": {"band_limited": 0.0},
    "levels as they are": {"level_db": 0.0},
    "no noise": {"noise": 0.0},
    "tiny": {"size": "tiny"},
    "tiny, with noise": {"size": "tiny", "noise": 0.25},
    "tiny, body mobile": {"size": "tiny", "body": "mobile"},
    "tiny, body separable": {"size": "tiny", "body": "separable"},
}


@dataclass(frozen=True)
class Ablations:
    """Train, probe, and write one row for each variant, seed, readout and task."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled sets."""
    windows: Annotated[Path, tyro.conf.Positional]
    """Windows to train on, of the permissive tier."""
    both_tiers: Path
    """Windows of both license tiers, for the variant of that name."""
    mn04: Path
    """Weights of EfficientAT's mn04_as as safetensors."""
    out: Path = Path("runs/ablations")
    """Folder of the runs."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    seeds: tuple[int, ...] = (0, 1, 2)
    passes: float = 8
    """How often each view is trained on."""
    csv: Path = BENCHMARKS / "results" / "ablations.csv"
    suite: Path = field(default=BENCHMARKS / "suites" / "small.toml")


def main(ablations: Ablations) -> None:
    tasks = [open_task(task) for task in read_suite(ablations.suite, ablations.data)]
    for seed in ablations.seeds:
        for variant in ablations.variants:
            rows: list[dict[str, Any]] = read_rows(ablations.csv) if ablations.csv.is_file() else []
            if any(row["variant"] == variant and row["seed"] == str(seed) for row in rows):
                continue
            run = ablations.out / f"{variant.replace(' ', '-')}-{seed}"
            changes: dict[str, Any] = {
                "size": "small",
                "passes": ablations.passes,
                **VARIANTS[variant],
            }
            given: dict[str, Any] = {
                "windows": ablations.both_tiers if variant == BOTH_TIERS else ablations.windows,
                "mn04": ablations.mn04,
                "seed": seed,
            }
            train.main(train.Train(**given, out=run, **changes))
            scored = ({"variant": variant, "seed": seed, **row} for row in _scored(run, tasks))
            write_rows(ablations.csv, [*rows, *scored])


def _scored(run: Path, tasks: list[OpenedTask]) -> Iterator[dict[str, Any]]:
    for readout in READOUTS:
        model = Embedder(checkpoint.load(run, readout, **PLAIN).model)
        for task in tasks:
            accuracy = evaluate(model, task, "linear").accuracy
            yield {
                "readout": " ".join(readout),
                "dim": model.dim,
                "task": task.task.name,
                "accuracy": round(accuracy, 4),
            }


if __name__ == "__main__":
    main(tyro.cli(Ablations, description=__doc__))
