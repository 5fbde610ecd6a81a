"""Heads: linear probes fitted on all labeled recordings, to keep and export with `export --head`.

A head is one .safetensors file, with nothing pickled. Its tensors come from scikit-learn:
    mean, std [D]                           standardization of the embedding
    weight [classes, D], bias [classes]     logistic regression on the standardized embedding
Its metadata holds, as JSON under "head", the other fields of `Head` and a hash of the tensors.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.evaluation.probing.protocols import fit_all
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.utils import ownership
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.written_by import unreadable

FORMAT = 1
SUFFIX = ".safetensors"
TENSORS = ("mean", "std", "weight", "bias")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Head:
    """A linear classifier for the embeddings of one model, and how it was made."""

    task: str
    labels: tuple[str, ...]  # in the order of the class scores
    model_sha256: str  # weights that the head belongs to
    readout: tuple[str, ...]  # parts that make up their embedding
    dim: int  # size of the embedding, D
    clips: int  # number of recordings that it was fitted on
    window_s: float | None  # embeddings are means over windows of this length; None: of all
    C: float  # inverse strength of the penalty, chosen as by the protocol `linear`
    accuracy: float  # held-out accuracy by the protocol `linear`, 0..1
    interval: tuple[float | None, float | None]  # 95 % interval of the accuracy; None: unknown
    interval_is: str
    tensors: Mapping[str, NDArray[np.float64]]

    def about(self) -> dict[str, Any]:
        """Return all fields but the tensors, ready for JSON."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tensors"}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}

    def linear(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return weight [classes, D] and bias [classes] with the standardization folded in.

        weight ((x - mean) / std) + bias = (weight / std) x + (bias - (weight / std) mean)
        """
        weight = self.tensors["weight"] / self.tensors["std"]
        bias = self.tensors["bias"] - weight @ self.tensors["mean"]
        return weight.astype(np.float32), bias.astype(np.float32)


def fit(embedder: Embedder, labeled: OpenedTask, score: Score, store: EmbeddingStore) -> Head:
    """Fit the linear probe on all recordings of a task; `score` is its score by `linear`."""
    x = store.embeddings(embedder, labeled.recordings, labeled.contents)
    fitted = fit_all(x, labeled)
    summary = score.summary()
    return Head(
        task=labeled.task.name,
        labels=tuple(labeled.classes),
        model_sha256=embedder.sha256,
        readout=tuple(embedder.model.encoder.config.readout),
        dim=embedder.dim,
        clips=len(labeled),
        window_s=store.window_s,
        C=fitted.c,
        accuracy=score.accuracy,
        interval=tuple(summary["interval"]),
        interval_is=score.interval_is,
        tensors={name: getattr(fitted, name) for name in TENSORS},
    )


def save(
    target: Path,
    model: EmbeddingModel,
    tasks: Sequence[OpenedTask],
    scores: Sequence[Score],
    store: EmbeddingStore,
) -> Iterator[tuple[Path, Head]]:
    """Fit and write a head for each task: to `target` itself, or to files in the folder `target`.

    `scores` hold the score of `model` by `linear` on each task. Yields each file and its head.
    """
    assert isinstance(model, Embedder)
    for task in tasks:
        name = task.task.name
        measured = (name, model.name, "linear")
        score = next(s for s in scores if (s.task, s.model, s.protocol) == measured)
        file = target if target.suffix == SUFFIX else target / file_name(name)
        head = fit(model, task, score, store)
        write(file, head)
        yield file, head


def check_target(target: Path, tasks: Sequence[EvaluationTask]) -> None:
    """Raise `UserError` if the heads of these tasks can't be saved to `target`."""
    if target.suffix != SUFFIX:
        ownership.check_distinct((task.name, file_name(task.name)) for task in tasks)
        for task in tasks:
            ownership.check_target(target / file_name(task.name), _is_head, option="--save-head")
        return
    name_of(target)
    if len(tasks) > 1:
        raise UserError(f"{target}: one file for {len(tasks)} tasks; give a folder instead")
    ownership.check_target(target, _is_head, option="--save-head")


def _is_head(path: Path) -> bool:
    with safe_open(path, "numpy") as file:
        return "head" in (file.metadata() or {})


def write(target: Path, head: Head) -> None:
    """Write a head to one file, whole or not at all.

    Raises `UserError`: the name won't do, or something other than a head is there.
    """
    name_of(target)
    ownership.check_target(target, _is_head, option="--save-head")
    tensors = {name: np.ascontiguousarray(head.tensors[name], np.float64) for name in TENSORS}
    about = {"format": FORMAT, "sha256": _digest(tensors), **head.about()}
    with atomic_file(target) as work:
        work.write_bytes(serialized(tensors, {"head": json.dumps(about)}))


def read(source: Path) -> Head:
    """Read a head.

    Raises `UserError`: the file is missing, not a head, truncated, altered, or of another version.
    """
    try:
        with safe_open(source, "numpy") as file:
            about = json.loads((file.metadata() or {})["head"])
            tensors = {name: file.get_tensor(name) for name in TENSORS}
        if (found := about.pop("format")) != FORMAT:
            raise UserError(unreadable(source, f"format {found}", f"format {FORMAT}", about))
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
    """Return the name of a head in artifacts: the name of its file without the suffix."""
    if path.suffix != SUFFIX or not _NAME.fullmatch(path.stem):
        raise UserError(
            f"{path}: name the file of a head after its task, in letters, digits, - and _, such as "
            f"speech{SUFFIX}"
        )
    return path.stem


def file_name(task: str) -> str:
    """Turn the name of a task into a file name: `a in b.csv` -> `a-in-b-csv.safetensors`."""
    return (re.sub(r"[^A-Za-z0-9_]+", "-", task).strip("-") or "head") + SUFFIX


def _digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in TENSORS:
        digest.update(f"{name} {tensors[name].shape}".encode() + tensors[name].tobytes())
    return digest.hexdigest()
