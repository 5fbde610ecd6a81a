"""Training artifacts of narrow encoders, each exported once for all tests."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from support.made_once import made_once
from support.runs import chord, settle
from torch import Tensor

from tiny_audio_ssl import cli
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.training.config import PretrainConfig

BATCH = 3
Kind = tuple[str, str, str, str]  # task, encoder, norm, pooling
GAP: Kind = ("temporal-gap", "mobile", "group", "max")
WHOLE: list[Kind] = [
    GAP,
    ("audio2vec-cbow", "separable", "batch", "mean_max"),
    ("audio2vec-skipgram", "separable", "batch", "mean_max"),
    ("cola", "dense", "batch", "mean_max"),
]


def exported_training(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> tuple[Path, Path]:
    """Return a run and its training artifact, of BATCH clips a step."""
    task, name, norm, pooling = kind

    def make(folder: Path) -> None:
        encoder = EncoderConfig(name, width=0.25, norm=norm, pooling=pooling)
        run = make_run(folder / "last", task, encoder)
        options = ["--batch-size", str(BATCH), "--out", str(folder / "training")]
        assert cli.run(["export-training", str(run), *options]) == 0

    folder = made_once(tmp_path_factory, "-".join(("training", *kind)), make)
    return folder / "last", folder / "training"


def make_run(folder: Path, task: str, encoder: EncoderConfig) -> Path:
    """A checkpoint with heads, whose statistics are those of some sounds."""
    config = PretrainConfig(task, PRETEXTS[task].Config(), encoder)
    torch.manual_seed(0)
    model = checkpoint.build_model(config.frontend, config.encoder)
    pretext = PRETEXTS[task](config.pretext, model.encoder, config.frontend)
    waves = sounds(16, config.crop_samples)
    settle(model, waves)
    with torch.no_grad():
        pretext.train()(model.encoder, **pretext.inputs(model.frontend, waves, generator()))
    heads = {f"pretext.{k}": v for k, v in pretext.state_dict().items()}
    progress = {"step": 5, "best": {"step": None, "loss": None}}
    checkpoint.save(folder, model, asdict(config), progress, heads)
    return folder


def sounds(count: int, samples: int) -> Tensor:
    """Return synthetic chords, `[count, samples]`."""
    waves = [torch.from_numpy(chord(i, samples / 16_000)[:samples]) for i in range(count)]
    return torch.stack(waves).float()


def generator() -> torch.Generator:
    """Return a generator that draws the same in every test."""
    return torch.Generator().manual_seed(0)
