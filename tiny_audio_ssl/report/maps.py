"""Maps of embeddings: coordinates in two dimensions, and nearest neighbors in all dimensions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.embedder import Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require

FEWEST_FOR_TSNE = 15  # fewer sounds have no structure to find
PERPLEXITY = 30  # of t-SNE: about the number of neighbors that each sound is kept near to
SEED = 0
Ints = NDArray[np.int64]


def choose(truth: Ints, count: int, seed: int = SEED) -> Ints:
    """Draw at most `count` recordings evenly from the classes.

    Classes take turns, so the first n of them are drawn evenly too.
    """
    order = np.random.default_rng(seed).permutation(len(truth))
    turn = np.zeros(len(truth), np.int64)
    for name in np.unique(truth):
        of_class = order[truth[order] == name]
        turn[of_class] = np.arange(len(of_class))
    chosen: Ints = np.lexsort((truth, turn))[:count]
    return chosen


def directions(embeddings: Floats) -> Floats:
    """Standardize embeddings [n, D] as the linear probe does, and scale them to unit length.

    Without their common mean, unrelated sounds have a cosine near 0. Raises `UserError` on NaN or
    infinite values.
    """
    if not np.isfinite(embeddings).all():
        raise UserError("the embeddings have NaN or infinite values, so there is no map of them")
    deviation = embeddings.std(axis=0)
    standard = (embeddings - embeddings.mean(axis=0)) / np.where(deviation > 1e-6, deviation, 1)
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    unit: Floats = (standard / np.maximum(length, 1e-12)).astype(np.float32)
    return unit


def neighbors(unit: Floats, count: int) -> tuple[Ints, Floats]:
    """Return indices and cosines [n, count] of the nearest others, nearest first."""
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, : min(count, len(unit) - 1)]
    return nearest, np.take_along_axis(cosine, nearest, axis=1)


def layout(unit: Floats) -> tuple[Floats, str]:
    """Map [n, D] to coordinates [n, 2] within 0..1 on one scale; return them and the method."""
    if len(unit) < FEWEST_FOR_TSNE:
        return _fitted(_principal(unit)), (
            f"First two principal components, as {len(unit)} sounds are too few for t-SNE"
        )
    if np.linalg.matrix_rank(unit) < 2:
        return _fitted(_principal(unit)), (
            "First two principal components, as all embeddings lie on one line: the encoder has "
            "collapsed"
        )
    return _fitted(_tsne(unit)), "t-SNE"


def _tsne(unit: Floats) -> Floats:
    tsne = require("sklearn.manifold", "eval").TSNE
    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)
    model = tsne(perplexity=perplexity, metric="cosine", random_state=SEED, n_jobs=1)
    places: Floats = model.fit_transform(unit)
    return places


def _principal(unit: Floats) -> Floats:
    centered = unit - unit.mean(axis=0)
    left, scale, _ = np.linalg.svd(centered, full_matrices=False)
    places: Floats = (left * scale)[:, :2]
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def _fitted(places: Floats) -> Floats:
    low, high = places.min(axis=0), places.max(axis=0)
    span = max(float((high - low).max()), 1e-12)
    inside: Floats = 0.5 + (places - (low + high) / 2) / span
    return inside
