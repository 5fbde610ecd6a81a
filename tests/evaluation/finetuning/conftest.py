"""A narrow encoder with random weights, and tasks on made-up sounds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import tiny_audio_ssl
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint: a narrow encoder, as it is drawn."""
    torch.manual_seed(7)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    folder = tmp_path_factory.mktemp("finetuning") / "run"
    checkpoint.save(folder, model, run={"task": "none"}, progress={"step": 0})
    return folder


@pytest.fixture
def model(run: Path) -> Embedder:
    return tiny_audio_ssl.load(run)


@pytest.fixture(scope="session")
def sounds() -> OpenedTask:
    return open_task(EvaluationTask("sounds", "builtin:8", group="group", folds=4))


@pytest.fixture
def speech(tmp_path: Path) -> Callable[..., OpenedTask]:
    """Tasks on noise by six speakers, four takes each: half of them angry, half calm."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(24):
        soundfile.write(tmp_path / f"{i}.wav", 0.1 * rng.standard_normal(4000), SAMPLE_RATE_HZ)
        rows.append([f"{i}.wav", f"s{i % 6}", "angry" if i // 6 % 2 else "calm", i // 12])
    with (tmp_path / "speech.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "speaker", "emotion", "half"], *rows])

    def task(label: str, **options: object) -> OpenedTask:
        given = {"name": label, "source": str(tmp_path / "speech.csv"), "label": label, "folds": 2}
        return open_task(EvaluationTask(**{**given, **options}))  # type: ignore[arg-type]

    return task


@pytest.fixture
def ramps(tmp_path: Path) -> Recordings:
    """Recordings of 500, 1000 and 2500 samples that say at each sample where they are."""
    for i, samples in enumerate((500, 1000, 2500)):
        wave = (np.arange(samples) + 1) / 4096  # 16-bit audio holds these exactly
        soundfile.write(tmp_path / f"{i}.wav", wave, SAMPLE_RATE_HZ)
    return open_cache(open_corpus(tmp_path))
