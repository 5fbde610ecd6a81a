"""HearModel: any Python module with the HEAR API, to compare with our models or to teach them.

The API (HEAR 2021, https://hearbenchmark.com/hear-api.html): `load_model(path)` gives a PyTorch
module with `sample_rate` and `scene_embedding_size`, and `get_scene_embeddings(audio, model)` takes
[sounds, samples] in -1..1 to [sounds, size]. Everything that the module returns is checked.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.embedding.frames import Frames, at_nearest, centers_ms, hop_samples
from tiny_audio_ssl.embedding.long import embed_in_parts
from tiny_audio_ssl.errors import UserError

Floats = npt.NDArray[np.float32]
FUNCTIONS = ("load_model", "get_scene_embeddings")
TIMESTAMPS = "get_timestamp_embeddings"  # optional: for frame features
SIZES = ("sample_rate", "scene_embedding_size")
MOVED = {  # modules that checkpoints name by where they used to lie -> where they lie
    "tiny_audio_ssl.mel_statistics": "tiny_audio_ssl.embedding.mel_statistics",
}


class HearModel:
    """Waveforms -> scene embeddings of the model in `module`, frozen.

    Not an `nn.Module`, so that the state of a task that keeps one does not include it.

    Attributes:
        name: `hear:module`.
        dim: size D of an embedding.
        identity: hash of the module's name, version and source, and of the weights; cached
            embeddings are stored under it.

    Raises `UserError`: the module can't be imported, lacks a part of the API, or can't load its
    weights; later, if its embeddings are not finite numbers of shape [B, D].
    """

    def __init__(self, module: str, weights: str | Path | None = None) -> None:
        module = MOVED.get(module, module)
        self.name = f"hear:{module}"
        self.module = _imported(module)
        self.model = self._loaded(weights)
        self.rate_hz, self.dim = (self._size(name) for name in SIZES)
        self.identity = self._identity(weights)

    def embed(self, waves: Floats) -> Floats:
        """Embed mono waveforms [B, N], -1..1, 16 kHz; return float32 [B, D]."""
        return embed_in_parts(self._embed, as_waveform(waves, "[batch, samples]"))

    def _embed(self, waves: Floats) -> Floats:
        embeddings: Floats = self(torch.from_numpy(np.ascontiguousarray(waves))).numpy()
        return embeddings

    @torch.no_grad()
    def frames(self, waves: Floats, hop_ms: float) -> Frames:
        """Embed a frame every `hop_ms`: [B, N] -> float32 [B, T, D], centers in ms [T].

        They are the nearest of the timestamp embeddings, which come at the module's own hop. Raises
        `UserError` if the module has none, or if they are not finite numbers of that shape.
        """
        embed = getattr(self.module, TIMESTAMPS, None)
        if not callable(embed):
            raise UserError(
                f"{self.name}: has no {TIMESTAMPS}, which frame features need; use a model that "
                "has it, or probe whole sounds with `tiny-audio-ssl probe`"
            )
        audio = torch.from_numpy(as_waveform(waves, "[batch, samples]"))
        sounds = _resampled(audio, self.rate_hz)
        try:
            found, times_ms = embed(sounds, self.model)
        except Exception as error:  # foreign code may raise anything
            raise UserError(
                f"{self.name}: {TIMESTAMPS} failed on {list(sounds.shape)} samples at "
                f"{self.rate_hz} Hz ({type(error).__name__}: {error})"
            ) from error
        features, times = np.asarray(found, np.float32), np.asarray(times_ms, np.float64)
        if features.ndim != 3 or features.shape[:2] != times.shape or len(times) != len(audio):
            raise UserError(
                f"{self.name}: {TIMESTAMPS} returned shapes {list(features.shape)} and "
                f"{list(times.shape)}; expected [{len(audio)}, times, D] and [{len(audio)}, times]"
            )
        if not (np.isfinite(features).all() and (np.diff(times) > 0).all()):
            raise UserError(
                f"{self.name}: {TIMESTAMPS} returned numbers that are not finite or times that do "
                "not ascend"
            )
        centers = centers_ms(audio.shape[1], hop_samples(hop_ms))
        return at_nearest(features, times[0], centers), centers

    @torch.no_grad()
    def __call__(self, waves: Tensor) -> Tensor:
        """Embed a tensor; the model is moved to its device."""
        sounds = _resampled(waves, self.rate_hz)
        self.model.to(waves.device)
        try:
            found = self.module.get_scene_embeddings(sounds, self.model)
        except Exception as error:  # foreign code may raise anything
            raise UserError(
                f"{self.name}: get_scene_embeddings failed on {list(sounds.shape)} samples at "
                f"{self.rate_hz} Hz ({type(error).__name__}: {error})"
            ) from error
        return self._checked(found, len(waves)).to(waves.device)

    def _loaded(self, weights: str | Path | None) -> nn.Module:
        if weights is not None and not Path(str(weights)).exists():
            raise UserError(f"{self.name}: no weights at {weights}; --weights takes a path")
        try:
            model = self.module.load_model(*([] if weights is None else [str(weights)]))
        except UserError:
            raise
        except Exception as error:
            given = "without weights (--weights PATH)" if weights is None else f"from {weights}"
            raise UserError(
                f"{self.name}: load_model failed {given} ({type(error).__name__}: {error})"
            ) from error
        if not isinstance(model, nn.Module):
            raise UserError(
                f"{self.name}: load_model returned a {type(model).__name__}, expected a PyTorch "
                "module (TensorFlow models are not supported)"
            )
        return model.eval()

    def _size(self, name: str) -> int:
        size = getattr(self.model, name, None)
        if not isinstance(size, int) or size < 1:
            raise UserError(f"{self.name}: its model's {name} is {size!r}, expected a whole number")
        return size

    def _checked(self, embeddings: Any, sounds: int) -> Tensor:
        if not isinstance(embeddings, Tensor):
            raise UserError(
                f"{self.name}: get_scene_embeddings returned a {type(embeddings).__name__}, "
                "expected a tensor"
            )
        if embeddings.shape != (sounds, self.dim):
            raise UserError(
                f"{self.name}: embeddings of shape {list(embeddings.shape)}, expected [{sounds}, "
                f"{self.dim}]: one row per sound, as wide as scene_embedding_size"
            )
        if not embeddings.isfinite().all():
            raise UserError(f"{self.name}: embeddings with NaN or infinite values")
        return embeddings.float()

    def _identity(self, weights: str | Path | None) -> str:
        digest = hashlib.sha256(f"{self.name} {_version(self.module)}".encode())
        if source := inspect.getsourcefile(self.module):
            digest.update(Path(source).read_bytes())
        if weights is not None and Path(weights).is_file():
            digest.update(Path(weights).read_bytes())
        for name, tensor in self.model.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _imported(name: str) -> ModuleType:
    try:
        module = importlib.import_module(str(name))
    except Exception as error:  # an import runs foreign code
        raise UserError(
            f"hear:{name}: can't be imported ({type(error).__name__}: {error}); expected the "
            "dotted name of a module with the HEAR API that is installed or in a folder on "
            "PYTHONPATH"
        ) from error
    if missing := [f for f in FUNCTIONS if not callable(getattr(module, f, None))]:
        raise UserError(
            f"hear:{name}: has no {' and no '.join(missing)}; expected a module with the HEAR API "
            "(https://hearbenchmark.com/hear-api.html)"
        )
    return module


def _version(module: ModuleType) -> Any:
    """Return the version of the module, or else of the distributions of its top-level package."""
    if own := getattr(module, "__version__", None):
        return own
    top = module.__name__.partition(".")[0]
    return [metadata.version(d) for d in _distributions().get(top, [])]


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Return the distributions by top-level package; searching all that is installed is slow."""
    return metadata.packages_distributions()


def _resampled(waves: Tensor, rate_hz: int) -> Tensor:
    if rate_hz == SAMPLE_RATE_HZ:
        return waves
    rows = [audio.resample(row, SAMPLE_RATE_HZ, rate_hz) for row in waves.cpu().numpy()]
    return torch.from_numpy(np.stack(rows)).to(waves.device)
