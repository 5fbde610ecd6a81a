"""Recognize sounds taught by a few examples each, as the Android app does.

The nearest mean of examples wins, by cosine distance (Snell et al. 2017, arXiv 1703.05175, equation
1). Three rules keep other sounds out. Only the learned part of an embedding is compared, without
the log-mel statistics. The current sound is a mean over two seconds in which loud moments count
most. A sound that is almost as near to a second taught sound is unknown. The app's Kotlin code has
the same rules and the same constants (`Prototypes`, `Present` and `Teaching`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiny_audio_ssl.errors import UserError

LIMIT = 0.18  # of the distance; measured: benchmarks/results/few_shot.csv
MOST_OF_SECOND = 0.8  # the distance may be at most that share of the second nearest's
PRESENT_S = 2.0  # what is heard now
LOUD = 0.5  # moments below that share of the loudest level are no part of an example

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """The nearest taught sound."""

    name: str
    distance: float  # cosine distance, 0..2
    known: bool  # near enough, and not nearly as near to another one


@dataclass(frozen=True)
class TaughtSounds:
    """Examples by name; embeddings [D] are learned parts of one model's.

    Examples:
        >>> sounds = TaughtSounds().taught("bell", [1.0, 0.0]).taught("dog", [0.0, 1.0])
        >>> sounds.nearest([2.0, 0.1]).name
        'bell'
    """

    examples: Mapping[str, Sequence[Floats]] = field(default_factory=dict)  # of unit length
    limit: float = LIMIT
    most_of_second: float = MOST_OF_SECOND

    def taught(self, name: str, embedding: ArrayLike) -> TaughtSounds:
        """Return these sounds with one more example of `name`.

        Raises `UserError`: no name, NaN or infinity, another size than that of earlier examples.
        """
        vector = np.asarray(embedding, np.float64)
        sizes = {one.shape for vectors in self.examples.values() for one in vectors}
        if not name.strip():
            raise UserError("a taught sound needs a name")
        if vector.ndim != 1 or not np.isfinite(vector).all() or sizes - {vector.shape}:
            wanted = f"{next(iter(sizes))[0]} finite numbers" if sizes else "finite numbers, [D]"
            raise UserError(
                f"{name}: an embedding of shape {list(vector.shape)}; expected {wanted}"
            )
        own = (*self.examples.get(name, ()), unit(vector))
        return TaughtSounds({**self.examples, name: own}, self.limit, self.most_of_second)

    def nearest(self, embedding: ArrayLike) -> Match:
        """Compare the current sound, `present`, with all taught sounds.

        Raises `UserError`: nothing was taught.
        """
        if not self.examples:
            raise UserError("no sound was taught; add examples with taught(name, embedding)")
        means = np.array([unit(np.sum(own, axis=0)) for own in self.examples.values()])
        found = distances(np.asarray(embedding, np.float64)[None], means)
        best, known = decided(found, self.limit, self.most_of_second)
        name = list(self.examples)[int(best[0])]
        return Match(name, float(found[0, best[0]]), bool(known[0]))


def distances(embeddings: Floats, means: Floats) -> Floats:
    """Return cosine distances of [moments, D] from unit means [sounds, D]: [moments, sounds]."""
    return np.asarray(1 - unit(embeddings) @ means.T)


def decided(
    found: Floats, limit: float, most_of_second: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the nearest sound of each row of distances, and whether it is known."""
    best = found.argmin(axis=1)
    ordered = np.sort(found, axis=1)
    second = ordered[:, 1] if found.shape[1] > 1 else np.full(len(found), np.inf)
    return best, (ordered[:, 0] <= limit) & (ordered[:, 0] <= most_of_second * second)


def example(embeddings: Floats, levels: Floats) -> Floats:
    """Return one example [D] from the moments [moments, D] of teaching: the mean of the loud ones.

    `levels` are root mean squares, [moments].
    """
    return np.asarray(embeddings[loud(levels)].mean(axis=0))


def loud(levels: Floats) -> NDArray[np.bool_]:
    """Return which moments are at least half as loud as the loudest."""
    return np.asarray(levels >= LOUD * levels.max())


def present(embeddings: Floats, levels: Floats, moments: int) -> Floats:
    """Return for each moment the mean of the last `moments` ones, weighted by level, [moments, D].

    `levels` are root mean squares, [moments].
    """
    weight = np.maximum(levels, 1e-6)[:, None]
    total = np.cumsum(np.vstack([np.zeros(embeddings.shape[1]), weight * embeddings]), axis=0)
    weights = np.cumsum(np.vstack([[0.0], weight]), axis=0)
    last = np.arange(1, len(embeddings) + 1)
    first = np.maximum(0, last - moments)
    return np.asarray((total[last] - total[first]) / (weights[last] - weights[first]))


def unit(vectors: Floats) -> Floats:
    """Return vectors of length one; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))
