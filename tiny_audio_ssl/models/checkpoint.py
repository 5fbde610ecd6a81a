"""A checkpoint is a folder: config.json, model.safetensors and training.safetensors.

```
RUN/
  checkpoints/step-00000400/   config.json     settings, progress, hashes of the weights
                               model.safetensors     front-end statistics and encoder
                               training.safetensors  pretext heads and optimizer; may be deleted
  last, best                   links to two of them
```
Nothing is pickled. Every folder appears whole or not at all, and its hashes are checked at load.

A model folder, as the package ships them, is a checkpoint with float16 weights and without
training.safetensors, whose config.json holds `facts` about the model.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialized
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import names
from tiny_audio_ssl.models.encoder_config import EncoderConfig, checked
from tiny_audio_ssl.models.encoders import Encoder, WaveformEncoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.utils.files import atomic_folder, explained, sha256
from tiny_audio_ssl.utils.random_state import seeded
from tiny_audio_ssl.utils.written_by import unreadable
from tiny_audio_ssl.version import __version__

FORMAT = 2
READABLE_FORMATS = (1, FORMAT)  # 1 spelled the optimizer's state "optimiser."
MODEL, TRAINING, CONFIG = "model.safetensors", "training.safetensors", names.CONFIG
FILES = (CONFIG, MODEL, TRAINING)


_MISFITS = (TypeError, RuntimeError, KeyError, UserError, safetensors.SafetensorError)


class CheckpointError(UserError):
    """A checkpoint that is absent, altered, or from another version."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint folder."""

    folder: Path
    model: WaveformEncoder  # in eval mode, on the CPU
    run: dict[str, Any]  # the settings of the run that made it
    progress: dict[str, Any]  # step, losses, what training needs to go on
    sha256: str  # of model.safetensors
    facts: dict[str, Any] | None = None  # about the model, in a model folder


def build_model(frontend: FrontendConfig, encoder: EncoderConfig) -> WaveformEncoder:
    """Build a model with random weights."""
    made = Encoder(encoder, frontend.bands)
    return WaveformEncoder(made.frontend(frontend), made)


def untrained(frontend: FrontendConfig, encoder: EncoderConfig, seed: int) -> WaveformEncoder:
    """Build a model whose random weights depend on `seed` alone; other draws are not disturbed."""
    with seeded(seed):
        return build_model(frontend, encoder)


def save(
    folder: Path,
    model: WaveformEncoder,
    run: dict[str, Any],
    progress: dict[str, Any],
    training: dict[str, Tensor] | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint folder atomically, replacing an earlier one, but no other file there.

    With `facts`, it is a model folder: convolutions and matrices are stored as float16. Vectors
    (biases, statistics) stay float32: they are few, and variances may be out of float16's range.

    Raises `UserError`: the folder can't be written, or is there and no checkpoint.
    """
    check_replaceable(folder)
    with atomic_folder(folder, replaces=FILES) as work:
        weights = _on_cpu(model.state_dict())
        (work / MODEL).write_bytes(serialized(weights if facts is None else _halved(weights)))
        if training is not None:
            (work / TRAINING).write_bytes(serialized(_on_cpu(training)))
        config = {
            "format": FORMAT,
            "frontend": asdict(model.frontend.config),
            "encoder": asdict(model.encoder.config),
            "run": run,
            "progress": progress,
            "versions": {"tiny-audio-ssl": __version__, "torch": torch.__version__},
            "sha256": {file.name: sha256(file) for file in sorted(work.glob("*.safetensors"))},
            **({} if facts is None else {"facts": facts}),
        }
        (work / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def check_replaceable(folder: Path, option: str = "--out") -> None:
    """Raise `UserError` if something other than a checkpoint is at `folder`."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        _read_config(folder)
    except CheckpointError as error:
        raise UserError(
            f"{folder}: already exists and is not a checkpoint, so it is not replaced; name "
            f"another folder with {option}"
        ) from error


def load(
    path: str | Path, readout: Sequence[str] | None = None, **readout_settings: Any
) -> Checkpoint:
    """Load the last checkpoint of a run, a checkpoint folder such as `RUN/best`, or a model by its
    name (see `models.names`); all weights are float32 then.

    `readout` names other parts for the embedding than the checkpoint does; the weights stay.
    `readout_settings` are `middle_scale`, `middle_dct` and `mel_dct` to use instead of its own.

    Raises `CheckpointError`: no checkpoint, a missing or altered file, a format or a setting of
    another version.
    """
    folder = locate(path)
    config = _read_config(folder)
    _check_hash(folder, MODEL, config)
    try:
        encoder = EncoderConfig.from_dict(config["encoder"])
        if readout:
            encoder = replace(encoder, readout=checked(readout))
        encoder = replace(encoder, **readout_settings)
        model = untrained(FrontendConfig(**config["frontend"]), encoder, seed=0)
        model.load_state_dict(load_file(folder / MODEL))
    except _MISFITS as error:
        raise CheckpointError(_misfit(folder, error, config)) from error
    return Checkpoint(
        folder,
        model.eval(),
        config["run"],
        config["progress"],
        config["sha256"][MODEL],
        config.get("facts"),
    )


def misfit(folder: Path, error: Exception) -> CheckpointError:
    """Return the error for a checkpoint whose settings or tensors this version does not know."""
    return CheckpointError(_misfit(folder, error, _read_config(folder)))


def _misfit(folder: Path, error: Exception, config: object) -> str:
    found = f"does not fit this version ({str(error)[:200]})"
    return unreadable(folder / CONFIG, found, "other settings or shapes", config)


def load_training(folder: Path) -> dict[str, Tensor]:
    """Load the pretext heads and the state of the optimizer from a checkpoint folder."""
    _check_hash(folder, TRAINING, _read_config(folder))
    tensors = load_file(folder / TRAINING)
    return {re.sub("^optimiser[.]", "optimizer.", name): t for name, t in tensors.items()}


def within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without that prefix."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def locate(path: str | Path) -> Path:
    """Return the checkpoint folder for a path or a model's name: of a run, the last one."""
    given, path = path, names.folder_of(path)
    for candidate in (path, path / "last"):
        if (candidate / CONFIG).is_file():
            return candidate.resolve()
    # Links do not survive every copy (zip files, some phones and network drives).
    steps = sorted((path / "checkpoints").glob(f"step-*/{CONFIG}"))
    if steps:
        return steps[-1].parent.resolve()
    raise CheckpointError(
        f"{given}: no checkpoint there. Expected a run's folder (with `last` in it) or a "
        f"checkpoint folder (with {CONFIG} in it), as `tiny-audio-ssl pretrain FOLDER --out RUN` "
        "makes them, or the name of a model that comes with the package: "
        f"{', '.join(names.shipped()) or 'none does'}"
    )


class RunFolder:
    """The checkpoints of one run: the newest few, the best one, and links to both."""

    def __init__(self, root: Path, keep_last: int = 2) -> None:
        self.root = root
        self.keep_last = keep_last

    def step_folder(self, step: int) -> Path:
        return self.root / "checkpoints" / f"step-{step:08d}"

    def save(self, step: int, best_step: int | None, **content: Any) -> Path:
        folder = self.step_folder(step)
        save(folder, **content)
        with explained(self.root):
            self._link("last", folder)
            if best_step is not None and self.step_folder(best_step).is_dir():
                self._link("best", self.step_folder(best_step))
            self._prune(keep={folder.name, self.step_folder(best_step or step).name})
        return folder

    def _link(self, name: str, folder: Path) -> None:
        temporary = self.root / f".{name}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        try:
            temporary.symlink_to(folder.relative_to(self.root))
            os.replace(temporary, self.root / name)
        finally:
            temporary.unlink(missing_ok=True)

    def _prune(self, keep: set[str]) -> None:
        folders = sorted(
            file.parent for file in (self.root / "checkpoints").glob(f"step-*/{CONFIG}")
        )
        for folder in folders[: -self.keep_last]:
            if folder.name not in keep:
                remove(folder)
        for leftover in (self.root / "checkpoints").glob(".step-*"):  # of a killed save
            shutil.rmtree(leftover, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a checkpoint; other files in its folder stay."""
    for name in reversed(FILES):  # the config last: it makes it one
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with at least two dimensions larger than 1 as float16, others as given."""
    return {
        name: tensor.half() if sum(size > 1 for size in tensor.shape) > 1 else tensor
        for name, tensor in tensors.items()
    }


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text())
        found = config["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG}: not a checkpoint's config ({error})") from error
    if found not in READABLE_FORMATS:
        reads = f"formats {' and '.join(map(str, READABLE_FORMATS))}"
        raise CheckpointError(
            unreadable(folder / CONFIG, f"checkpoint format {found}", reads, config)
        )
    return dict(config)


def _check_hash(folder: Path, name: str, config: dict[str, Any]) -> None:
    path, wanted = folder / name, config.get("sha256", {}).get(name)
    if not path.is_file() or wanted is None:
        raise CheckpointError(f"{path}: missing; the checkpoint is incomplete")
    if sha256(path) != wanted:
        raise CheckpointError(
            f"{path}: truncated or altered (its sha256 is not the one in {CONFIG}); "
            "copy the folder again, or use another checkpoint of the run"
        )
