"""Proposals: new, repeatable, scaled, and better with experience."""

from __future__ import annotations

import json

import numpy as np
from support.trials import trial

from tiny_audio_ssl.evaluation.search.proposals import LEVELS, propose, references, scaled

TASKS = ("temporal-gap", "audio2vec-cbow", "triplet")


def test_proposals_are_new_repeatable_and_scaled():
    done = [trial(i, w, 0.5 + 0.01 * i) for i, w in enumerate(references(TASKS))]
    for number in range(len(done), 16):
        weights = propose(done, TASKS, seed=0)
        assert weights == propose(done, TASKS, seed=0)
        assert max(weights.values()) == 1 and set(weights.values()) <= set(LEVELS[1:])
        assert weights not in [t.weights for t in done]
        done.append(trial(number, weights, 0.5))
    others = {json.dumps(propose(done[:8], TASKS, seed)) for seed in range(5)}
    assert len(others) > 1


def test_proposals_follow_what_does_well():
    """Accuracy falls with the weight of one task: most later proposals have little of it."""
    tasks = ("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram", "triplet")
    done = []
    for number in range(25):
        weights = propose(done, tasks, seed=1)
        done.append(trial(number, weights, 1 - weights.get("triplet", 0.0)))
    late = [t.weights.get("triplet", 0.0) for t in done[15:]]
    drawn = [t.weights.get("triplet", 0.0) for t in done[5:10]]
    assert np.mean(late) < 0.25 and np.mean(late) < np.mean(drawn)


def test_nothing_left_to_try():
    tasks = TASKS[:2]
    done = []
    while weights := propose(done, tasks, seed=0):
        done.append(trial(len(done), weights, 0.5))
    # 1:0, 0:1, and the ratios 1, 4, 16 either way
    assert len({json.dumps(t.weights, sort_keys=True) for t in done}) == len(done) == 7
    assert scaled({"a": 0.0, "b": 1 / 16, "c": 1 / 4}) == {"b": 1 / 4, "c": 1.0}
