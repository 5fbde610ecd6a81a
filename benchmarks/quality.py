"""Pre-train by every task with two encoders on one corpus, then probe each on ten tasks and speech.

PYTHONPATH=benchmarks/peers python benchmarks/quality.py DATA --corpus CORPUS/windows.csv \\
    --out runs/quality --seeds 0 1 2

One cell after another, a task with an encoder and a seed, is trained and measured, in one process
that opens the corpus once. Existing runs are continued and existing scores kept, so it may be
stopped and started again at any time; `--score-only` writes the tables of what there is. DATA is
laid out as `suites/small.toml` describes; without `--corpus`, it is trained on as well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import speech
import tyro
from kept import is_trained
from quality_table import SCORE, Cell, judged, probe, show, with_averages
from speech import Sounds, Speech

from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding.embedder import load
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.configs.pase import PSEUDO_LABELS
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.utils.files import write_rows

HERE = Path(__file__).parent
TEACHER = "openwakeword_embedding"


@dataclass(frozen=True)
class Method:
    """A row of the table: a pretext task, and its settings that differ from the defaults."""

    task: str
    settings: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    """Settings that name the run of another method, with the same encoder and seed."""


SETTINGS: dict[str, dict[str, Any]] = {  # of tasks that need others than their defaults here
    "distillation": {"teacher": TEACHER},
    "speech2vec-cbow": {"aligned": False, "clip_ms": 975.0, "slice_ms": 175.0},
    "speech2vec-skipgram": {"aligned": False, "clip_ms": 975.0, "slice_ms": 175.0},
}
VARIANTS = {
    "cola-augmented": Method(
        "cola", {"clip_ms": 975.0, "slice_ms": 675.0, "mixup": 0.4, "resize": True}
    ),
    "hubert-second": Method("hubert", runs={"targets": "hubert"}),
}
WORKERS = {f"pase-{name}": Method("pase", {"weights": {name: 1.0}}) for name in PSEUDO_LABELS}
"""Single workers of PASE, for `estimate.py`; measured if they are asked for."""
ALL = {**{task: Method(task, SETTINGS.get(task, {})) for task in TASKS}, **VARIANTS}
METHODS = {**ALL, **WORKERS}


@dataclass(frozen=True)
class Quality:
    """Pre-train, probe, and write one row for each embedding and task."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    corpus: Path | None = None
    """Recordings to pre-train on: a folder or a manifest. Default: all of DATA."""
    out: Path = Path("runs/quality")
    """Folder for runs and scores."""
    csv: Path = HERE / "results" / "quality.csv"
    suite: Path = HERE / "suites" / "small.toml"
    tasks: tuple[str, ...] = tuple(ALL)
    """Pretext tasks and variants of them, by their names in METHODS."""
    encoders: tuple[str, ...] = ("mobile", "dense")
    seeds: tuple[int, ...] = (0,)
    training: Annotated[TrainingConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=lambda: TrainingConfig(steps=1500)
    )
    """Settings of every training; `seed` is that of each cell."""
    speech: bool = True
    """Measure speech as `speech.py` does too, and write ..._speech.csv beside the other table."""
    supervised_folds: int = 1
    """Folds to train the supervised baselines in, which takes longest; 0 for none."""
    peers: bool = True
    """Probe the peers too; they need the packages openwakeword and resemblyzer."""
    score_only: bool = False
    """Measure existing runs only; train nothing."""


class Bench:
    """Corpus, tasks and speech, shared by all cells and opened when first needed."""

    def __init__(self, quality: Quality) -> None:
        if unknown := [name for name in quality.tasks if name not in METHODS]:
            raise UserError(
                f"--tasks {' '.join(unknown)}: not known; choose from {', '.join(METHODS)}"
            )
        self.quality = quality
        self.source = str(quality.corpus or quality.data)
        self.tasks = [open_task(task) for task in read_suite(quality.suite, quality.data)]
        self.cells = [
            Cell(method, encoder, seed, folder(quality.out, method, encoder, seed))
            for seed in quality.seeds
            for encoder in quality.encoders
            for method in quality.tasks
        ]

    @cached_property
    def corpus(self) -> Recordings:
        """Return the recordings to pre-train on, decoded once for all cells."""
        return open_cache(open_corpus(self.source))

    @cached_property
    def speech(self) -> Sounds:
        """Return what speech is measured on."""
        quality = self.quality
        return Sounds(Speech(quality.data, (), quality.out / "speech", suite=quality.suite))


def folder(out: Path, method: str, encoder: str, seed: int) -> Path:
    """Return the folder of a run."""
    return out / f"{method}-{encoder}{f'-seed{seed}' if seed else ''}"


def main(quality: Quality) -> None:
    """Train and measure every cell, and write the tables."""
    bench = Bench(quality)
    if quality.speech:
        bench.speech.phones  # noqa: B018  (needs packages, and is better missed before training)
    failed: dict[Cell, str] = {}
    for cell in bench.cells:
        try:
            train_and_measure(bench, cell)
        except UserError as error:  # of a task that collapses, say; the others are still wanted
            failed[cell] = str(error)
            print(f"{cell}: {error}", flush=True)
    write_tables(bench)
    for cell, reason in failed.items():
        print(f"not finished: {cell}: {reason}")


def train_and_measure(bench: Bench, cell: Cell) -> None:
    """Bring one cell to its end, and say what it cost."""
    steps = bench.quality.training.steps
    start = time.process_time()
    if not bench.quality.score_only and not is_trained(cell.run, steps):
        train(bench, cell)
    trained = time.process_time()
    if is_trained(cell.run, steps):
        measure(bench, cell)
    end = time.process_time()
    print(f"{cell}: CPU {trained - start:.0f} s to train, {end - trained:.0f} s to measure")


def train(bench: Bench, cell: Cell) -> None:
    """Train the cell, or resume its training."""
    if (cell.run / "last").exists():
        runs.resume(cell.run)
        return
    method = METHODS[cell.method]
    others = {
        name: str(folder(bench.quality.out, other, cell.encoder, cell.seed))
        for name, other in method.runs.items()
    }
    config = PretrainConfig(
        method.task,
        pretext_class(method.task).Config(**method.settings, **others),
        EncoderConfig(cell.encoder),
        training=replace(bench.quality.training, seed=cell.seed),
    )
    runs.pretrain(bench.source, cell.run, config, opened=bench.corpus)


def measure(bench: Bench, cell: Cell) -> None:
    """Measure the cell's run on everything; the scores are kept."""
    model = load(cell.run)
    for task in bench.tasks:
        probe(bench.quality.out, model, task)
    if bench.quality.speech:
        wanted = bench.speech.speech
        speech.row(wanted, speech.opened(wanted, f"{cell.method}={cell.run}"), bench.speech)


def write_tables(bench: Bench) -> None:
    """Write the tables of all finished cells."""
    quality = bench.quality
    finished = [cell for cell in bench.cells if is_trained(cell.run, quality.training.steps)]
    found = judged(quality.out, bench.tasks, finished, quality.peers, quality.supervised_folds)
    rows = [{k: v for k, v in row.items() if k != SCORE} for row in with_averages(list(found))]
    write_rows(quality.csv, rows)
    show(rows)
    if quality.speech:
        models = tuple(f"{cell.method}={cell.run}" for cell in finished)
        csv = quality.csv.with_stem(f"{quality.csv.stem}_speech")
        speech.main(replace(bench.speech.speech, models=models, csv=csv))


if __name__ == "__main__":
    main(tyro.cli(Quality, description=__doc__))
