"""Learn the background of a shipped model, with which sounds taught by examples are compared.

python benchmarks/weights/background.py small CORPUS/windows.csv

Adds it to the folder of the model, after `ship.py` made that.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from tiny_audio_ssl.embedding.comparison import fitted
from tiny_audio_ssl.embedding.embedder import Embedder, load
from tiny_audio_ssl.models.checkpoint import CONFIG
from tiny_audio_ssl.models.names import shipped_folder
from tiny_audio_ssl.utils.files import read_rows, write_json


@dataclass(frozen=True)
class Learn:
    """The settings that the shipped models were given are the defaults."""

    name: Annotated[str, tyro.conf.Positional]
    """Name of the model."""
    windows: Annotated[Path, tyro.conf.Positional]
    """Windows of the corpus that it was trained on."""
    recordings: int = 3000
    """Number of recordings to draw."""
    most_windows: int = 8
    """Number of windows of a recording, at most."""
    seed: int = 0


def main(learn: Learn) -> None:
    folder, model = shipped_folder(learn.name), load(learn.name)
    made = fitted(embedded(model, learn), learn.seed)
    config = json.loads((folder / CONFIG).read_text())
    config["facts"]["background"] = made.write(folder)
    write_json(folder / CONFIG, config)
    print(f"{folder}: a background of {len(made.rows)} rows, scale {made.scale:.4f}")


def embedded(model: Embedder, learn: Learn) -> Iterator[NDArray[np.float64]]:
    """Yield the learned parts of the windows of each recording that is drawn."""
    starts = defaultdict(list)
    for row in read_rows(learn.windows):
        starts[row["path"]].append(round(float(row["start_s"]) * SAMPLE_RATE_HZ))
    rng, files = np.random.default_rng(learn.seed), sorted(starts)
    size = model.model.encoder.learned_dim
    for index in rng.permutation(len(files))[: learn.recordings]:
        wave = audio.read(learn.windows.parent / files[index])
        chosen = rng.permutation(starts[files[index]])[: learn.most_windows]
        windows = [wave[start : start + WINDOW_SAMPLES] for start in chosen]
        whole = np.stack([np.pad(one, (0, WINDOW_SAMPLES - len(one))) for one in windows])
        yield model.embed(whole)[:, :size].astype(np.float64)


if __name__ == "__main__":
    main(tyro.cli(Learn, description=__doc__))
