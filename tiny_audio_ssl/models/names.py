"""Names of models, which stand in for the folder of a run wherever one is taken.

- `small`: a model that comes with the package, `tiny_audio_ssl/weights/small`
- `hf://OWNER/NAME`: a model on a hub (see `hub`)
- `./small`, `runs/mine`: a folder

A `Path` is always a folder. A name is a folder as well where the working directory holds a run or a
checkpoint of that name; then the folder is used, and a warning says so. Imports no PyTorch.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from tiny_audio_ssl.models import hub

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
FOLDERS = (WEIGHTS,)  # each model is a subfolder of one of these
CONFIG = "config.json"
_TRACES = (CONFIG, "last", "checkpoints", "recordings.csv")  # any of these makes a folder a run's
logger = logging.getLogger(__name__)


def shipped() -> tuple[str, ...]:
    """Return the names of the models that come with the package, the smallest file first."""
    return tuple(_shipped_folders())


def folder_of(run: str | Path) -> Path:
    """Return the folder that `run` stands for, whether it exists or not.

    Raises `HubError` if it is on a hub and can't be downloaded.
    """
    if isinstance(run, str) and hub.is_reference(run):
        return hub.download(run)
    found = _shipped_folders().get(run) if isinstance(run, str) else None
    if found is None:
        return Path(run)
    if any((Path(run) / name).exists() for name in _TRACES):
        logger.warning(
            "%s: the run in the working directory is used, not the model of that name that comes "
            "with the package; move the folder to use that model",
            run,
        )
        return Path(run)
    return found


def is_name(run: str | Path) -> bool:
    """Return whether `run` is the name of a model, not a folder."""
    return hub.is_reference(run) or folder_of(run) != Path(run)


def home_of(run: str | Path) -> Path:
    """Return the folder in which results about `run` are kept, such as RUN/export.

    For a model given by its name, that is a folder of the name in the working directory.
    """
    return Path(hub.Reference.parse(str(run)).name) if hub.is_reference(run) else Path(run)


def shipped_folder(name: str) -> Path:
    """Return the folder of a model that comes with the package."""
    return _shipped_folders()[name]


def facts_of(name: str) -> dict[str, Any]:
    """Return what the config of a shipped model says about it."""
    config = json.loads((shipped_folder(name) / CONFIG).read_text())
    return dict(config["facts"])


def _shipped_folders() -> dict[str, Path]:
    configs = [config for place in FOLDERS for config in place.glob(f"*/{CONFIG}")]
    by_size = sorted((config.parent for config in configs), key=_weights_bytes)
    return {folder.name: folder for folder in by_size}


def _weights_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
