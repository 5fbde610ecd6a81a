"""Labeled noises, a checkpoint with random weights, an empty store."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Sixty noises of three loudnesses by twelve speakers, and a label without meaning."""
    place = tmp_path_factory.mktemp("noises")
    rng = np.random.default_rng(0)
    with (place / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "level", "coin", "speaker"])
        for i in range(60):
            gain = 0.05 * (1 + i % 3)
            samples = 8_000 if i % 5 else 20_000
            noise = gain * rng.standard_normal(samples)
            soundfile.write(place / f"{i}.wav", noise, 16_000)
            writer.writerow([f"{i}.wav", f"level{i % 3}", rng.integers(2), f"s{i // 5}"])
    return place


@pytest.fixture(scope="session")
def levels(folder) -> OpenedTask:
    return open_task(
        EvaluationTask("levels", str(folder / "list.csv"), label="level", group="speaker")
    )


@pytest.fixture
def store(tmp_path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "cache")


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    torch.manual_seed(3)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    model.frontend.fit([0.1 * torch.randn(4, 16_000)])
    target = tmp_path_factory.mktemp("run") / "checkpoint"
    checkpoint.save(target, model, run={"task": "none"}, progress={"step": 0})
    return target
