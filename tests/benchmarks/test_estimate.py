"""The comparison of estimated with measured ranks, on made-up accuracies."""

from __future__ import annotations

import pytest
from support.scripts import imported

from tiny_audio_ssl import UserError
from tiny_audio_ssl.pretext.configs.pase import PSEUDO_LABELS


@pytest.fixture(scope="module")
def script():
    with imported("estimate") as (found,):
        yield found


def measured(scores, encoder="mobile"):
    return [
        {"task": "words", "encoder": encoder, "embedding": f"pase-{name}", "accuracy": str(score)}
        for name, score in zip(PSEUDO_LABELS, scores, strict=False)
    ]


def test_accuracies_are_means_over_seeds_of_one_encoder(script):
    rows = [*measured([0.2] * 6), *measured([0.4] * 6), *measured([0.9] * 6, "dense")]
    rows.append({"task": "words", "encoder": "mobile", "embedding": "cola", "accuracy": "1"})
    found = script.accuracies(rows, "mobile")
    assert found == pytest.approx({("words", name): 0.3 for name in PSEUDO_LABELS})


def test_worker_that_was_not_measured_is_named(script):
    with pytest.raises(UserError, match="no accuracy of pase-long-gammatone with mobile"):
        script.accuracies(measured([0.5] * 5), "mobile")


def test_correlation_is_one_where_the_least_dependent_is_best(script):
    scores = [0.1, 0.7, 0.3, 0.6, 0.2, 0.5]
    found = script.accuracies(measured(scores), "mobile")
    right = {name: 1 - score for name, score in zip(PSEUDO_LABELS, scores, strict=True)}
    rows = script.rows_of("words", right, {"mfcc": 1.0}, found)
    assert [row["correlation"] for row in rows] == [1.0] * 6
    assert {row["worker"]: row["weight"] for row in rows}["mfcc"] == 1
    wrong = {name: score for name, score in zip(PSEUDO_LABELS, scores, strict=True)}
    assert script.rows_of("words", wrong, {}, found)[0]["correlation"] == -1
