"""How near two sounds are, by their embeddings, and perhaps by what all kinds of sound are like.

Two things make the distance between embeddings a poor measure of whether two sounds are the same.
Some directions change all the time within one recording, so they say little about the sound; they
are weakened, as nuisance attributes of speakers are (Solomonoff, Campbell, Boardman 2005). And in
some regions all sounds are near each other: a distance counts relative to those of the nearest
sounds of a background (T-norm; Auckenthaler, Carey, Lloyd-Thomas 2000, section 2).

Both are learned from recordings without labels. The apps read the same file: `Background` in Kotlin
and TypeScript.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.hub import BACKGROUND
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import sha256

FILE = BACKGROUND
DIRECTIONS, SOUNDS, NEAREST = 16, 64, 4
KNOWN_BY_CHANCE = 0.036  # share of recordings
STRENGTH = 1.5  # how much a direction is weakened for its variance within recordings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """The cosine distance, 0..2, and when a sound is known.

    Args:
        limit: largest distance of a known sound; measured: benchmarks/results/few_shot.csv.
        most_of_second: largest share of the second nearest sound's distance.
    """

    limit: float = 0.18
    most_of_second: float = 0.8

    def cleaned(self, embeddings: Floats) -> Floats:
        """Return embeddings [..., D] as they are compared: of unit length."""
        return unit(embeddings)

    @property
    def dim(self) -> int | None:
        """The size of an embedding; None for any size."""
        return None

    def mean(self, examples: Floats) -> Floats:
        """Return the mean direction of a sound's examples: [examples, D] -> [D], unit length."""
        return unit(self.cleaned(examples).sum(axis=0))

    def crowding(self, cleaned: Floats) -> Floats:
        """Return what the distances of each of [n, D] are divided by: [n]."""
        return np.ones(len(cleaned))

    def distances(self, embeddings: Floats, means: Floats) -> Floats:
        """Return the distances of [moments, D] from [sounds, D], unit means of cleaned embeddings:
        [moments, sounds]."""
        there = self.cleaned(embeddings)
        return np.asarray((1 - there @ means.T) / self.crowding(there)[:, None])


@dataclass(frozen=True, kw_only=True)
class Background(Comparison):
    """The cosine distance without directions that say little, relative to a background of sounds.

    Args:
        rows: int8 [directions + sounds, D]; with `scales`, float32 [directions + sounds], they
            are orthogonal directions, as long as the share that is removed is great, and embeddings
            of sounds of unit length, without these directions.
        scale: mean distance from the nearest sounds at which distances stay as they are. It is
            chosen so that `limit` is the right one for the model.
    """

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]
    directions: int
    scale: float
    most_of_second: float = 0.9
    nearest: int = NEAREST

    @property
    def dim(self) -> int:
        return int(self.rows.shape[1])

    @cached_property
    def _rows(self) -> Floats:
        return self.rows.astype(np.float64) * self.scales[:, None]

    def cleaned(self, embeddings: Floats) -> Floats:
        """Weaken what changes within recordings: [..., D] -> [..., D] of unit length."""
        return _without(embeddings, self._rows[: self.directions])

    def crowding(self, cleaned: Floats) -> Floats:
        """Return how far the nearest sounds of the background are from [n, D], over `scale`: [n].

        It is small where many sounds are alike.
        """
        apart = 1 - cleaned @ self._rows[self.directions :].T
        nearest = np.partition(apart, self.nearest - 1, axis=1)[:, : self.nearest]
        return np.asarray(np.maximum(nearest.mean(axis=1), 1e-6) / self.scale)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write `background.bin` to a folder; return what `read` needs to know of it.

        The file holds the scales, float32, and then the rows, int8, both little-endian.
        """
        content = self.scales.astype("<f4").tobytes() + self.rows.tobytes()
        (folder / FILE).write_bytes(content)
        return {
            "file": FILE,
            "sha256": sha256(folder / FILE),
            "bytes": len(content),
            "dim": self.dim,
            "directions": self.directions,
            "sounds": len(self.rows) - self.directions,
            "nearest": self.nearest,
            "scale": self.scale,
            "most_of_second": self.most_of_second,
        }

    @classmethod
    def read(cls, folder: Path, about: Mapping[str, Any]) -> Background:
        """Read what `write` wrote. Raises `UserError` if the file is missing, cut or altered."""
        file = folder / about["file"]
        if not file.is_file() or sha256(file) != about["sha256"]:
            raise UserError(f"{file}: missing or altered; copy the whole folder again")
        content, count = file.read_bytes(), about["directions"] + about["sounds"]
        scales = np.frombuffer(content, "<f4", count)
        rows = np.frombuffer(content, np.int8, offset=4 * count).reshape(count, about["dim"])
        names = ("directions", "scale", "most_of_second", "nearest")
        return cls(rows=rows, scales=scales, **{name: about[name] for name in names})


def fitted(recordings: Iterable[NDArray[np.floating[Any]]], seed: int = 0) -> Background:
    """Learn a background from the embeddings [windows, D] of each recording, windows in any number.

    Needs scikit-learn. Raises `UserError` for fewer recordings than sounds of a background, or if
    none has two windows.
    """
    listed = [np.asarray(one, np.float64) for one in recordings]
    changing = [one for one in listed if len(one) > 1]
    if len(listed) < SOUNDS or not changing:
        raise UserError(
            f"{len(listed)} recordings, {len(changing)} of them with two windows or more, and "
            f"{SOUNDS} are needed, some with two windows"
        )
    removed = _nuisance(changing)
    means = np.stack([unit(one).mean(axis=0) for one in listed])
    kmeans = require("sklearn.cluster", "eval").KMeans(SOUNDS, n_init=1, random_state=seed)
    centers = kmeans.fit(_without(means, removed)).cluster_centers_
    rows = np.concatenate([removed, unit(centers)])
    scales = (np.maximum(np.abs(rows).max(axis=1), 1e-6) / 127).astype(np.float32)
    steps = np.round(rows / scales[:, None]).astype(np.int8)
    made = Background(rows=steps, scales=scales, directions=len(removed), scale=1.0)
    return replace(made, scale=_scale(made, means, seed))


def _scale(unscaled: Background, means: Floats, seed: int) -> float:
    """Return the scale at which the limit lets few recordings pass for one of five others.

    With `KNOWN_BY_CHANCE`, 90 % of free sounds were unknown of which others had been taught, by
    three examples of a kind each (benchmarks/few_shot.py), for both shipped models.
    """
    cleaned, nearest, rng = unscaled.cleaned(means), [], np.random.default_rng(seed)
    for _ in range(200):
        taught = rng.choice(len(means), 5, replace=False)
        others = np.delete(means, taught, axis=0)
        nearest.append(unscaled.distances(others, cleaned[taught]).min(axis=1))
    at_scale_1 = float(np.quantile(np.concatenate(nearest), KNOWN_BY_CHANCE))
    return unscaled.limit / max(at_scale_1, 1e-6)


def _nuisance(recordings: Sequence[Floats]) -> Floats:
    """Return the directions in which embeddings change most within recordings [DIRECTIONS, D].

    A direction of variance v, relative to the mean variance, keeps 1 / sqrt(1 + STRENGTH v).
    """
    dim = recordings[0].shape[1]
    within = np.zeros((dim, dim))
    for one in recordings:
        centered = one - one.mean(axis=0)
        within += centered.T @ centered / len(one)
    variance, vectors = np.linalg.eigh(within / len(recordings))
    strongest = slice(-1, -DIRECTIONS - 1, -1)
    kept = (1 + STRENGTH * variance[strongest] / variance.mean()) ** -0.5
    return np.asarray(np.sqrt(1 - kept)[:, None] * vectors[:, strongest].T)


def _without(embeddings: Floats, removed: Floats) -> Floats:
    """Weaken directions [n, D], as much as they are long, in embeddings [..., D]."""
    return unit(embeddings - (embeddings @ removed.T) @ removed)


def unit(vectors: Floats) -> Floats:
    """Return vectors of length one; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))
