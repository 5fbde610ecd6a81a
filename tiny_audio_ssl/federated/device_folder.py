"""The folder that a native device needs: its artifacts, and the facts about its app.

A native device runs no Python and no code from a server (docs/native-device.md). All that it can do
is in this folder: a training artifact, the front-end as an artifact of its own, and `device.json`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.to_executorch import to_executorch
from tiny_audio_ssl.export.training.to_training import FORMAT, START, load_task
from tiny_audio_ssl.federated import model_vectors
from tiny_audio_ssl.federated.app_project import app_identity
from tiny_audio_ssl.federated.config import COUNTER_TASKS, DEFAULTS, draws_by_counter
from tiny_audio_ssl.federated.model_vectors import ExchangedTensors
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.utils.files import atomic_folder, sha256

DESCRIPTION, FRONTEND = "device.json", "logmel.pte"
FORMAT_VERSION = 1


def make_device_folder(artifact: str | Path, out: str | Path) -> Path:
    """Write a native device's folder for a training artifact, and return it.

    Args:
        artifact: the folder that `export-training` makes.
        out: a folder that does not exist.

    Raises `UserError`: no training artifact, a task that native devices do not support, or an
    existing `out`.
    """
    source, target = Path(artifact), Path(out)
    if target.exists():
        raise UserError(f"{target} exists; name a new folder with --out")
    entry = training_entry(source)
    _check_task(entry)
    start = checkpoint.load(source / START)
    settings = settings_of(start)
    with atomic_folder(target) as work:
        shutil.copyfile(source / entry["file"], work / entry["file"])
        clips = torch.zeros(entry["batch_size"], settings.crop_samples)
        to_executorch(start.model.frontend.constant().eval(), clips, work / FRONTEND)
        described = _description(entry, start, settings) | {
            "frontend": {"file": FRONTEND, "sha256": sha256(work / FRONTEND)}
        }
        (work / DESCRIPTION).write_text(json.dumps(described, indent=1) + "\n")
    return target


def training_entry(folder: Path) -> dict[str, Any]:
    """Return the manifest's entry for a folder's training artifact. Raises `UserError` if there is
    none."""
    for entry in manifest.read(folder)["artifacts"]:
        if entry["format"] == FORMAT:
            return dict(entry)
    raise UserError(
        f"{folder}: holds no training artifact; make one with `tiny-audio-ssl export-training RUN`"
    )


def _check_task(entry: dict[str, Any]) -> None:
    if not draws_by_counter(entry["task"], entry["pretext"]):
        raise UserError(
            f"the artifact's task is {entry['task']} with {json.dumps(entry['pretext'])}; native "
            "devices "
            f"draw for {', '.join(COUNTER_TASKS)}, without mixup and resize"
        )


def _description(
    entry: dict[str, Any], start: Checkpoint, settings: PretrainConfig
) -> dict[str, Any]:
    pretext, _ = load_task(start, settings)
    exchanged = ExchangedTensors.of(start.model, pretext)
    fixed = model_vectors.to_vector(exchanged.fixed)
    frontend = start.model.frontend
    with torch.no_grad():
        frames = frontend(torch.zeros(1, settings.crop_samples)).shape[3]
    own = settings.pretext
    is_audio2vec = entry["task"].startswith("audio2vec")
    return {
        "format_version": FORMAT_VERSION,
        "app": {**app_identity(), "defaults": DEFAULTS},
        "task": entry["task"],
        "batch_size": entry["batch_size"],
        "crop_samples": settings.crop_samples,
        "slices": {
            "bands": settings.frontend.bands,
            "clip_frames": frames,
            "slice_frames": own.slice_frames(settings.frontend),
            "stride_frames": own.stride_frames(settings.frontend) if is_audio2vec else 0,
            "context": own.context if is_audio2vec else 0,
        },
        "inputs": [{key: one[key] for key in ("name", "shape")} for one in entry["inputs"]],
        "parameters": entry["parameters"],
        "fixed": {
            "count": len(fixed),
            "sha256": hashlib.sha256(fixed.astype("<f4").tobytes()).hexdigest(),
        },
        "training": {key: entry[key] for key in ("file", "sha256")},
    }
