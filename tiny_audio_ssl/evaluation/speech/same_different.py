"""Same-different precision: how reliably nearby vectors of spoken words are the same word.

All pairs of words are ranked by the cosine of their vectors, and the average precision of "the same
word" is measured (Carlin, Thomas, Jansen, Hermansky, Interspeech 2011). With `across`, pairs of the
same word count if two speakers say it; those by one speaker are left out, while different words by
one speaker stay, which speaker-dependent vectors confuse.

The vector of a word is the mean of its frames, each number standardized over all words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.frames import Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.speech.abx import Speaker
from tiny_audio_ssl.evaluation.speech.features import PhoneFeatures
from tiny_audio_ssl.evaluation.speech.items import Item

SMALLEST_STD = 1e-9


@dataclass(frozen=True)
class SameDifferentScore:
    """Average precision of "the same word", 0 to 1."""

    precision: float
    chance: float  # precision of a random ranking: the share of pairs that are the same word
    pairs: int


def same_different(
    features: PhoneFeatures, items: Sequence[Item], speaker: Speaker = "across"
) -> SameDifferentScore:
    """Measure the precision of words, of which `items` name the word as their phone.

    `within` compares words of one speaker only, `across` as described above.

    Raises `UserError` if no pair is the same word, or none is of different ones.
    """
    _, word = np.unique([item.phone for item in items], return_inverse=True)
    _, voice = np.unique([item.speaker for item in items], return_inverse=True)
    first, second = np.triu_indices(len(items), k=1)
    same, one_voice = word[first] == word[second], voice[first] == voice[second]
    kept = one_voice if speaker == "within" else ~(same & one_voice)
    same = same[kept]
    if not same.any() or same.all():
        kind = "the same word" if not same.any() else "different words"
        raise UserError(
            f"{len(items)} words by {voice.max() + 1} speakers: no pair {speaker} speakers is of "
            f"{kind}, so that nothing can be ranked; list more words"
        )
    unit = _unit_rows(word_vectors(features))
    scores = np.einsum("nd,nd->n", unit[first[kept]], unit[second[kept]])
    return SameDifferentScore(average_precision(scores, same), float(same.mean()), len(same))


def word_vectors(features: PhoneFeatures) -> Floats:
    """Return the mean of each word's frames, each number standardized over words: [words, D]."""
    totals = np.add.reduceat(features.frames.astype(np.float64), features.starts)
    means = totals / features.lengths[:, None]
    found: Floats = (means - means.mean(axis=0)) / np.maximum(means.std(axis=0), SMALLEST_STD)
    return found


def average_precision(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """Return the mean over the pairs of `same` of the precision at their score.

    That is the share of `same` among the pairs with that score or a higher one, so that equal
    scores count alike.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(same[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of equal scores
    precision = hits[last] / (last + 1)
    return float((np.diff(hits[last], prepend=0) * precision).sum() / hits[-1])


def _unit_rows(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
