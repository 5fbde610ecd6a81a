"""How well tasks solve their own problem on sound they never saw, beside untrained weights.

python benchmarks/pretext_outcomes.py DATA --runs runs/quality

RUNS is the folder of runs that `quality.py` made. DATA has `speakers` and `esc50`, which are in no
corpus. Each task takes the same clips with the same random draws twice: with the weights of its
run, and with untrained ones whose batch norms have seen the clips. All that the task logs is
written, its loss too; a codebook, temperature or target network of untrained weights makes some
losses incomparable, accuracies and errors are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import soundfile
import torch
import tyro
from kept import is_trained
from quality import ALL, folder
from torch import Tensor

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.training.run_task import load_task
from tiny_audio_ssl.utils.files import read_rows, write_rows
from tiny_audio_ssl.utils.random_state import seeded

RESULTS = Path(__file__).parent / "results" / "pretext_outcomes.csv"
SETS = ("speakers", "esc50")
BATCH_SIZE = 64


@dataclass(frozen=True)
class PretextOutcomes:
    """One row for each task and what it logs."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled sets."""
    runs: Path = Path("runs/quality")
    """Folder of the runs of `quality.py`."""
    encoder: str = "dense"
    tasks: tuple[str, ...] = tuple(ALL)
    """Pretext tasks and variants of them; those without a finished run are left out."""
    steps: int = 1500
    """Steps of a finished run."""
    clips: int = 256
    """Clips of each set."""
    csv: Path = RESULTS


def main(wanted: PretextOutcomes) -> None:
    """Measure every run, and write the table."""
    files = {name: recordings(wanted.data / name, wanted.clips) for name in SETS}
    rows = []
    for task in wanted.tasks:
        run = folder(wanted.runs, task, wanted.encoder, 0)
        if is_trained(run, wanted.steps):
            rows += list(rows_of(task, run, files))
    write_rows(wanted.csv, rows)


def recordings(folder: Path, count: int) -> list[Path]:
    """Return at most `count` recordings of 2 s or more, spread over the list of the set."""
    files = [row.get("path") or row["filename"] for row in read_rows(folder / "meta.csv")]
    whole = [name for name in map(folder.joinpath, files) if soundfile.info(name).duration >= 2]
    return whole[:: max(1, len(whole) // count)][:count]


def rows_of(task: str, run: Path, files: dict[str, list[Path]]) -> Iterator[dict[str, Any]]:
    """Yield a row for each figure that the task logs, for all sets together."""
    loaded = checkpoint.load(run)
    config = settings_of(loaded)
    waves = torch.stack(
        [clip(file, config.crop_samples) for part in files.values() for file in part]
    )
    order = torch.randperm(len(waves), generator=torch.Generator().manual_seed(0))
    batches = torch.split(waves[order], BATCH_SIZE)
    trained = figures(load_task(loaded, config)[0], loaded.model, batches)
    fresh = untrained(loaded, config, batches)
    steps = loaded.run["training"]["steps"]
    for name, value in trained.items():
        row = {"task": task, "encoder": config.encoder.name, "steps": steps, "clips": len(waves)}
        yield {
            **row,
            "figure": name,
            "trained": round(value, 4),
            "untrained": round(fresh[name], 4),
        }
        print(f"{task:24} {name:32} {value:9.4f}   untrained {fresh[name]:9.4f}", flush=True)


def clip(file: Path, samples: int) -> Tensor:
    """Return the middle of a recording, repeated if it is shorter: [samples]."""
    wave = torch.from_numpy(audio.read(file))
    wave = wave.repeat(-(-samples // len(wave)))
    start = (len(wave) - samples) // 2
    return wave[start : start + samples]


def untrained(
    loaded: checkpoint.Checkpoint, config: PretrainConfig, batches: tuple[Tensor, ...]
) -> dict[str, float]:
    """Return the figures of random weights behind the run's front-end."""
    model = checkpoint.untrained(config.frontend, config.encoder, seed=0)
    model.frontend.load_state_dict(loaded.model.frontend.state_dict())
    with seeded(0):
        pretext = pretext_class(config.task)(config.pretext, model.encoder, config.frontend)
    with torch.no_grad():
        pretext.fit_crops(model.frontend, batches)
    figures(pretext, model, batches, training=True)  # fills the statistics of batch norms
    return figures(pretext, model, batches)


def figures(
    pretext: Pretext,
    model: WaveformEncoder,
    batches: tuple[Tensor, ...],
    training: bool = False,
) -> dict[str, float]:
    """Return the means over the clips of the loss and all else that the task logs."""
    pretext.train(training)
    model.encoder.train(training)
    total: dict[str, float] = defaultdict(float)
    with torch.no_grad(), seeded(0):
        for index, batch in enumerate(batches):
            rng = torch.Generator().manual_seed(index)
            out = pretext(model.encoder, **pretext.inputs(model.frontend, batch, rng))
            for name, value in out.items():
                if name != "embedding":
                    total[name] += float(value) * len(batch)
    count = sum(map(len, batches))
    return {name: value / count for name, value in total.items()}


if __name__ == "__main__":
    main(tyro.cli(PretextOutcomes, description=__doc__))
