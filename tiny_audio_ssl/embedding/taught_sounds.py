"""Recognize sounds taught by a few examples each, as the Android app does.

The nearest mean of examples wins, by cosine distance (Snell et al. 2017, arXiv 1703.05175, equation
1). Four rules keep other sounds out. Only the learned part of an embedding is compared, without
the log-mel statistics. The current sound is a mean over two seconds in which loud moments count
most. A sound that is almost as near to a second taught sound is unknown. And with the background of
a shipped model, what changes within any recording counts less, and a distance counts relative to
those of other sounds. The app's Kotlin code has the same rules and the same constants
(`Prototypes`, `Background`, `Present` and `Teaching`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiny_audio_ssl.embedding.comparison import Comparison, unit
from tiny_audio_ssl.errors import UserError

PRESENT_S = 2.0  # what is heard now
LEARNED_PART = ", the learned part alone, as load(model, readout=['last', 'middle']) embeds"
LOUD = 0.5  # moments below that share of the loudest level are no part of an example

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """The nearest taught sound."""

    name: str
    distance: float  # cosine distance, 0..2; with a background, relative to other sounds
    known: bool  # near enough, and not nearly as near to another one


@dataclass(frozen=True)
class TaughtSounds:
    """Examples by name; embeddings [D] are learned parts of one model's.

    Args:
        examples: vectors of unit length, by name.
        comparison: that of the model, as in `tiny_audio_ssl.load("small").comparison`.
        limit: largest distance of a known sound; None: that of the comparison.

    Examples:
        >>> sounds = TaughtSounds().taught("bell", [1.0, 0.0]).taught("dog", [0.0, 1.0])
        >>> sounds.nearest([2.0, 0.1]).name
        'bell'
    """

    examples: Mapping[str, Sequence[Floats]] = field(default_factory=dict)  # of unit length
    comparison: Comparison = field(default_factory=Comparison)
    limit: float | None = None

    def taught(self, name: str, embedding: ArrayLike) -> TaughtSounds:
        """Return these sounds with one more example of `name`.

        Raises `UserError`: no name, NaN or infinity, another size than that of earlier examples.
        """
        vector = np.asarray(embedding, np.float64)
        sizes = {one.shape for vectors in self.examples.values() for one in vectors}
        if self.comparison.dim:
            sizes.add((self.comparison.dim,))
        if not name.strip():
            raise UserError("a taught sound needs a name")
        if vector.ndim != 1 or not np.isfinite(vector).all() or sizes - {vector.shape}:
            wanted = f"{next(iter(sizes))[0]} finite numbers" if sizes else "finite numbers, [D]"
            hint = LEARNED_PART if self.comparison.dim else ""
            raise UserError(
                f"{name}: an embedding of shape {list(vector.shape)}; expected {wanted}{hint}"
            )
        own = (*self.examples.get(name, ()), unit(vector))
        return replace(self, examples={**self.examples, name: own})

    def nearest(self, embedding: ArrayLike) -> Match:
        """Compare the current sound, `present`, with all taught sounds.

        Raises `UserError`: nothing was taught.
        """
        if not self.examples:
            raise UserError("no sound was taught; add examples with taught(name, embedding)")
        how = self.comparison
        means = np.array([how.mean(np.array(own)) for own in self.examples.values()])
        found = how.distances(np.asarray(embedding, np.float64)[None], means)
        limit = how.limit if self.limit is None else self.limit
        best, known = decided(found, limit, how.most_of_second)
        name = list(self.examples)[int(best[0])]
        return Match(name, float(found[0, best[0]]), bool(known[0]))


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
