"""Same-different precision against scikit-learn and against a literal ranking of all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.speech.features import PhoneFeatures
from tiny_audio_ssl.evaluation.speech.items import Item
from tiny_audio_ssl.evaluation.speech.same_different import average_precision, same_different


def items_of(words: str, speakers: str) -> list[Item]:
    return [
        Item(f"file{i}", 0.0, 1.0, word, "SIL", "SIL", speaker)
        for i, (word, speaker) in enumerate(zip(words, speakers, strict=True))
    ]


def features_of(vectors: np.ndarray, rng: np.random.Generator) -> PhoneFeatures:
    """Frames of which each word's mean is its vector: two or three for each word."""
    frames, lengths = [], []
    for vector in vectors:
        noise = rng.standard_normal((int(rng.integers(2, 4)), len(vector)))
        frames.append(vector + noise - noise.mean(axis=0))
        lengths.append(len(noise))
    ends = np.cumsum(lengths)
    return PhoneFeatures(np.concatenate(frames).astype(np.float32), ends - lengths, ends)


def by_hand(vectors: np.ndarray, items: list[Item], speaker: str) -> float:
    """Rank the pairs one by one, and average the precision at each pair of the same word."""
    standard = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    ranked = []
    for i, j in itertools.combinations(range(len(items)), 2):
        same, one = items[i].phone == items[j].phone, items[i].speaker == items[j].speaker
        if (speaker == "within" and not one) or (speaker == "across" and same and one):
            continue
        x, y = standard[i], standard[j]
        ranked.append((float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)), same))
    ranked.sort(reverse=True)
    found, precisions = 0, []
    for rank, (_, same) in enumerate(ranked, start=1):
        if same:
            found += 1
            precisions.append(found / rank)
    return sum(precisions) / len(precisions)


@pytest.mark.parametrize("speaker", ["within", "across"])
def test_precision_is_that_of_all_pairs_ranked_by_cosine(speaker):
    rng = np.random.default_rng(0)
    items = items_of("abcabcaabbcc", "ssssttttuuuu")
    vectors = rng.standard_normal((12, 5))
    found = same_different(features_of(vectors, rng), items, speaker)
    assert found.precision == pytest.approx(by_hand(vectors, items, speaker), rel=1e-5)


def test_equal_scores_count_as_in_scikit_learn():
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores, same = rng.integers(0, 5, 40) / 4, rng.random(40) < 0.3
        expected = average_precision_score(same, scores)
        assert average_precision(scores, same) == pytest.approx(expected, rel=1e-12)


def test_vectors_of_words_are_perfect_and_those_of_speakers_are_not():
    rng = np.random.default_rng(2)
    words, speakers = "abcd" * 6, "".join(speaker * 4 for speaker in "stuvwx")
    items = items_of(words, speakers)
    of_words = np.eye(4)[["abcd".index(w) for w in words]]
    of_speakers = np.eye(6)[["stuvwx".index(s) for s in speakers]]
    perfect = same_different(features_of(of_words, rng), items)
    blind = same_different(features_of(of_speakers, rng), items)
    assert perfect.precision == pytest.approx(1)
    assert blind.precision < 1.5 * blind.chance
    assert perfect.pairs == 24 * 23 // 2 and perfect.chance == pytest.approx(60 / 276)


def test_across_leaves_out_the_same_word_by_one_speaker():
    rng = np.random.default_rng(3)
    items = items_of("aab", "sst")
    with pytest.raises(UserError, match="no pair across speakers is of the same word"):
        same_different(features_of(np.eye(3), rng), items)
    assert same_different(features_of(np.eye(3), rng), items_of("aab", "sts")).pairs == 3


def test_only_one_word_can_not_be_ranked():
    with pytest.raises(UserError, match="no pair within speakers is of different words"):
        same_different(
            features_of(np.eye(3), np.random.default_rng(4)), items_of("aaa", "sss"), "within"
        )
