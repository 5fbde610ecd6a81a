"""Head: a linear probe to keep, fitted on all labelled recordings; what `export --head` puts behind
an embedding.

A head is one .safetensors file, nothing pickled. Its tensors are what scikit-learn fitted:
    mean, std [D]                standardisation of the embedding
    weight [classes, D], bias [classes]     logistic regression on what is standardised
and its metadata holds, as JSON under "head", everything else of `Head` and a hash of the tensors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask
from tiny_audio_ssl.evaluation.probing.protocols import fit_all
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.utils.files import atomic_file

FORMAT = 1
SUFFIX = ".safetensors"
TENSORS = ("mean", "std", "weight", "bias")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Head:
    """A linear classifier of one model's embeddings, and where it comes from."""

    task: str
    labels: tuple[str, ...]  # in the order of the scores
    model_sha256: str  # of the weights it belongs to
    readout: tuple[str, ...]  # what their embedding is made of
    dim: int  # of the embedding, D
    clips: int  # it was fitted on
    window_s: float | None  # embeddings were the mean over such windows; None: whole recordings
    C: float  # inverse strength of the penalty, chosen as the protocol `linear` does
    accuracy: float  # held-out, by the protocol `linear`, 0..1
    interval: tuple[float | None, float | None]  # 95 %, of the accuracy; None: not known
    interval_is: str
    tensors: Mapping[str, NDArray[np.float64]]

    def about(self) -> dict[str, Any]:
        """All but the tensors, as JSON takes it."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tensors"}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}

    def linear(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight [classes, D] and bias [classes] with the standardisation folded in.

        weight ((x - mean) / std) + bias = (weight / std) x + (bias - (weight / std) mean)
        """
        weight = self.tensors["weight"] / self.tensors["std"]
        bias = self.tensors["bias"] - weight @ self.tensors["mean"]
        return weight.astype(np.float32), bias.astype(np.float32)


def fit(embedder: Embedder, labelled: OpenedTask, score: Score, store: EmbeddingStore) -> Head:
    """The linear probe of a task on all its recordings; `score` is what `linear` measured."""
    x = store.embeddings(embedder, labelled.recordings, labelled.contents)
    fitted = fit_all(x, labelled)
    summary = score.summary()
    return Head(
        task=labelled.task.name,
        labels=tuple(labelled.classes),
        model_sha256=embedder.sha256,
        readout=tuple(embedder.model.encoder.config.readout),
        dim=embedder.dim,
        clips=len(labelled),
        window_s=store.window_s,
        C=fitted.c,
        accuracy=score.accuracy,
        interval=tuple(summary["interval"]),
        interval_is=score.interval_is,
        tensors={name: getattr(fitted, name) for name in TENSORS},
    )


def write(target: Path, head: Head) -> None:
    """As one file, whole or not at all. Raises `UserError` when its name can't name an output."""
    name_of(target)
    tensors = {name: np.ascontiguousarray(head.tensors[name], np.float64) for name in TENSORS}
    about = {"format": FORMAT, "sha256": _digest(tensors), **head.about()}
    with atomic_file(target) as work:
        save_file(tensors, work, {"head": json.dumps(about)})


def read(source: Path) -> Head:
    """Raises `UserError`: no such file, not a head, truncated, altered, of another version."""
    try:
        with safe_open(source, "numpy") as file:
            about = json.loads((file.metadata() or {})["head"])
            tensors = {name: file.get_tensor(name) for name in TENSORS}
        if about.pop("format") != FORMAT:
            raise ValueError(f"another format than {FORMAT}")
        if about.pop("sha256") != _digest(tensors):
            raise ValueError("truncated or altered")
        for name in ("labels", "readout", "interval"):
            about[name] = tuple(about[name])
        return Head(**about, tensors=tensors)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"{source}: not a head ({error}); make one with "
            "tiny-audio-ssl probe RUN --data LABELS.csv --save-head FILE.safetensors"
        ) from error


def name_of(path: Path) -> str:
    """What a head is called in artifacts: its file's name without the ending."""
    if path.suffix != SUFFIX or not _NAME.fullmatch(path.stem):
        raise UserError(
            f"{path}: a head's file is named after what it tells, in letters, digits, - and _, "
            f"such as speech{SUFFIX}"
        )
    return path.stem


def file_name(task: str) -> str:
    """A task's name as a file's: `label in esc10.csv` -> `label-in-esc10-csv.safetensors`."""
    return (re.sub(r"[^A-Za-z0-9_]+", "-", task).strip("-") or "head") + SUFFIX


def _digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in TENSORS:
        digest.update(f"{name} {tensors[name].shape}".encode() + tensors[name].tobytes())
    return digest.hexdigest()
