"""Runs for tests that need an encoder but no training: random weights, fitted statistics."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from support.audio_files import write
from torch import nn

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import WINDOW_SAMPLES
from tiny_audio_ssl.export.model_folder import write_model_folder
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.training.config import PretrainConfig

WINDOW = WINDOW_SAMPLES


def chord(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Three drifting tones in noise, no two seeds alike; `[samples]`."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 16_000)) / 16_000
    wave = rng.normal(0, rng.uniform(0.001, 0.1), len(time_s))
    for pitch_hz in rng.uniform(100, 4000, 3):
        level = rng.uniform(0.01, 0.2) * (1 + np.sin(2 * np.pi * rng.uniform(0.3, 6) * time_s))
        wave += level * np.sin(2 * np.pi * pitch_hz * time_s)
    return wave.clip(-1, 1)


def make_run(
    folder: Path,
    config: EncoderConfig,
    recordings: int = 16,
    frontend: FrontendConfig | None = None,
) -> Path:
    """A run's folder whose model has the statistics of the recordings."""
    lines = ["path,start_s,end_s,split"]
    for i in range(recordings):
        path = write(folder / "sounds" / f"{i:02}.wav", chord(i))
        lines.append(f"{path},0.0,,{'train' if i % 2 else 'held_out'}")
    (folder / "recordings.csv").write_text("\n".join(lines) + "\n")
    torch.manual_seed(0)
    model = checkpoint.build_model(frontend or FrontendConfig(), config)
    waves = torch.from_numpy(
        np.stack([audio.read(p)[:WINDOW] for p in sorted(folder.glob("sounds/*"))])
    )
    settle(model, waves)
    checkpoint.save(folder / "last", model, {"task": "temporal_gap"}, {"step": 0})
    return folder


def make_task_run(
    folder: Path, task: str, config: PretextConfig, encoder: EncoderConfig, recordings: int = 16
) -> Path:
    """A run of a pretext task with random weights, as `make_run` makes one."""
    make_run(folder, encoder, recordings, config.wants)
    loaded = checkpoint.load(folder)
    torch.manual_seed(0)
    made = pretext_class(task)(config, loaded.model.encoder, loaded.model.frontend.config)
    heads = {f"pretext.{name}": value for name, value in made.state_dict().items()}
    settings = PretrainConfig(task, config, encoder)
    checkpoint.save(folder / "last", loaded.model, asdict(settings), {"step": 0}, heads)
    return folder


def make_model(folder: Path) -> Path:
    """A model folder, named as `folder`, of a run whose settings speak of this machine."""
    with tempfile.TemporaryDirectory() as place:
        run = make_run(Path(place) / "run", EncoderConfig("dense", width=0.25))
        loaded = checkpoint.load(run)
        settings = {"task": "distillation", "pretext": {"weights": f"{place}/teacher.pt"}}
        corpus = {"source": f"{place}/corpus", "recordings": 16, "hours": 0.0133}
        training = {"steps": 30, "batch_size": 8}
        about = {**settings, "training": training, "corpus": corpus}
        checkpoint.save(run / "last", loaded.model, about, {"step": 30})
        write_model_folder(run, folder, folder.name, "apache-2.0")
    return folder


@torch.no_grad()
def settle(model: WaveformEncoder, waves: torch.Tensor) -> None:
    model.frontend.fit([waves])
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # statistics of all that it is shown
    model.train()(waves)
    model.eval()


def at_step(run: Path, copy: Path, step: int) -> Path:
    """Copy a run as it was when it had made its checkpoint of this step."""
    shutil.copytree(run, copy, symlinks=True)
    for link in ("last", "best"):
        (copy / link).unlink(missing_ok=True)
    (copy / "last").symlink_to(f"checkpoints/step-{step:08}")
    return copy
