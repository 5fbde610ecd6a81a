"""Compare our encoders with other models: quality on ten tasks, size, multiply-adds, milliseconds.

PYTHONPATH=benchmarks/peers python benchmarks/comparison.py DATA \\
    --ours small=small tiny=tiny --weights FOLDER

Models take turns in every round of the timing. Scores and embeddings are kept, so it may be
stopped and started again. DATA is laid out as `suites/small.toml` describes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from comparison_chart import draw
from named_models import open_named
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

import tiny_audio_ssl
from tiny_audio_ssl.audio.io import WINDOW_SAMPLES
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, random_weights
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import PARTS
from tiny_audio_ssl.models.encoders import WaveformEncoder, multiply_adds
from tiny_audio_ssl.utils.files import write_rows

HERE = Path(__file__).parent
RESULTS = HERE / "results"
FULL = ", full readout"
OTHERS = (
    "log-mel=logmel",
    "mel statistics=logmel:all",
    "openWakeWord embedding=hear:openwakeword_embedding",
    "Resemblyzer=hear:resemblyzer_embedding",
)
WITH_WEIGHTS = {
    "YAMNet": "hear:yamnet_embedding@{}/yamnet_spectra_in.tflite",
    "mn04_as": "hear:mn04_embedding@{}/mn04_as.safetensors",
}


@dataclass(frozen=True)
class Comparison:
    """Write a row for each model, one for each model and task beside it, and draw quality against
    milliseconds and kilobytes."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    ours: tuple[str, ...] = ()
    """NAME=RUN of our encoders: each with its own readout, with the full one (all rows of all
    parts), and the first of them with random weights."""
    weights: Path | None = None
    """Folder with yamnet_spectra_in.tflite and mn04_as.safetensors; left out, these two are not
    compared."""
    out: Path = Path("runs/comparison")
    """Folder for scores."""
    csv: Path = RESULTS / "comparison.csv"
    chart: Path = RESULTS / "comparison"
    """Path of the charts, without their endings -light.svg and -dark.svg."""
    suite: Path = HERE / "suites" / "small.toml"
    rounds: int = 50
    """Timed rounds, with one run of each model in each."""


def main(wanted: Comparison) -> None:
    """Probe and time all models."""
    models = opened(wanted)
    tasks = [open_task(task) for task in read_suite(wanted.suite, wanted.data)]
    accuracies = {name: probed(wanted, model, tasks) for name, model in models.items()}
    times = timed(models, wanted.rounds)
    ours = {word.partition("=")[0] for word in wanted.ours}
    rows = []
    for name, model in models.items():
        p50, p90 = np.percentile(times[name], (50, 90))
        found = accuracies[name]
        rows.append(
            {
                "model": name,
                "ours": name.removesuffix(FULL) in ours,
                "dim": model.dim,
                **size(model),
                "p50_ms": round(float(p50), 4),
                "p90_ms": round(float(p90), 4),
                "mean": round(float(np.mean(list(found.values()))), 4),
                "device": device_name(),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "tiny_audio_ssl": tiny_audio_ssl.__version__,
            }
        )
    write_rows(wanted.csv, rows)
    write_rows(wanted.csv.with_stem(f"{wanted.csv.stem}_tasks"), by_task(accuracies))
    draw(wanted.chart, [row for row in rows if not str(row["model"]).endswith(FULL)])
    show(rows)


def by_task(accuracies: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return a row for each model and task."""
    return [
        {"embedding": name, "task": task, "accuracy": round(accuracy, 4)}
        for name, found in accuracies.items()
        for task, accuracy in found.items()
    ]


def opened(wanted: Comparison) -> dict[str, EmbeddingModel]:
    """Return the models by name, in the order of the table."""
    words = [*OTHERS]
    if wanted.weights:
        words += [f"{name}={spec.format(wanted.weights)}" for name, spec in WITH_WEIGHTS.items()]
    found = open_named(tuple(words))
    for name, model in open_named(wanted.ours).items():
        if not isinstance(model, Embedder):
            raise UserError(f"--ours {name}: expected a run; other models are built in")
        if "random weights" not in found:
            found["random weights"] = random_weights(model)
        found |= {name: model, name + FULL: full(model)}
    return found


def full(model: Embedder) -> Embedder:
    """Return the same encoder with all parts of the readout, and all rows of each."""
    found = checkpoint.load(model.name, PARTS, middle_dct=None, mel_dct=None)
    return Embedder(found.model, found.sha256, model.name)


def probed(wanted: Comparison, model: EmbeddingModel, tasks: list[OpenedTask]) -> dict[str, float]:
    """Return the accuracy of a linear probe on each task; known scores are read."""
    found = {}
    for task in tasks:
        about = json.dumps([model.identity, asdict(task.task)], sort_keys=True, default=str)
        file = wanted.out / f"{hashlib.sha256(about.encode()).hexdigest()[:16]}.json"
        if not file.exists():
            scores.write(file, [evaluate(model, task, "linear")])
        found[task.task.name] = scores.read(file)[0].accuracy
    return found


def timed(models: Mapping[str, EmbeddingModel], rounds: int) -> dict[str, list[float]]:
    """Return milliseconds to embed one window, of every round; models take turns."""
    rng = np.random.default_rng(0)
    window = (0.1 * rng.standard_normal((1, WINDOW_SAMPLES))).astype(np.float32)
    found: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 2):  # two to warm up
        for name, model in models.items():
            start = time.perf_counter()
            model.embed(window)
            if number >= 2:
                found[name].append(1000 * (time.perf_counter() - start))
    return found


def size(model: EmbeddingModel) -> dict[str, int]:
    """Return parameters, bytes of weights as they are timed, and multiply-adds of one window."""
    if isinstance(model, LogMelStatistics):
        return {"parameters": 0, "bytes": 0, "multiply_adds": window_cost(model.model)}
    assert isinstance(model, HearModel | Embedder)  # all others that there are here
    network = model.model
    if published := getattr(network, "published_size", None):
        return dict(zip(("parameters", "bytes", "multiply_adds"), published, strict=True))
    learned = network.encoder if isinstance(network, WaveformEncoder) else network
    count = sum(tensor.numel() for tensor in learned.parameters())
    return {"parameters": count, "bytes": 4 * count, "multiply_adds": window_cost(network)}


def window_cost(network: nn.Module) -> int:
    """Count the multiply-adds of one window, those of recurrent layers included."""
    recurrent: list[int] = []

    def count(layer: nn.LSTM, given: tuple[Tensor, ...], _: Any) -> None:
        steps = given[0].shape[0] * given[0].shape[1]
        sizes = [weight.numel() for name, weight in layer.named_parameters() if "weight" in name]
        recurrent.append(steps * sum(sizes))

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.LSTM)]
    found = multiply_adds(network, torch.zeros(1, WINDOW_SAMPLES))
    for hook in hooks:
        hook.remove()
    return found + sum(recurrent)


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    columns = ("model", "dim", "parameters", "multiply_adds", "p50_ms", "mean")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console(width=120).print(table)


if __name__ == "__main__":
    main(tyro.cli(Comparison, description=__doc__))
