"""Statistics of scores: folds, intervals, per-class figures, recovery, files."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.scores import (
    ClassScore,
    Fit,
    Score,
    in_shared_folds,
    recovery,
)


def score(folds: int = 5, seeds: int = 2, right: float = 0.7, groups: int = 20) -> Score:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 100)
    parts = np.array_split(rng.permutation(100), folds) if folds > 1 else [np.arange(60, 100)]
    trials = [
        Fit(f, s, part, np.where(rng.random(len(part)) < right, truth[part], (truth[part] + 1) % 4))
        for f, part in enumerate(parts)
        for s in range(seeds)
    ]
    names = [f"g{i % groups}" for i in range(100)]
    return Score("t", "m", "linear", [*"abcd"], truth, trials, {"C": "1"}, names)


def test_seeds_are_averaged_in_a_fold_before_the_interval():
    found = score()
    folds = [
        np.mean([t.accuracy(found.truth) for t in found.fits if t.fold == f]) for f in range(5)
    ]
    assert found.folds == pytest.approx(folds) and found.accuracy == pytest.approx(np.mean(folds))
    expected = stats.t.interval(0.95, 4, np.mean(folds), stats.sem(folds))
    assert found.interval == pytest.approx(expected)
    assert found.interval_is == "t over 5 folds"


def test_an_interval_ends_at_0_and_1():
    truth = np.arange(30) % 2
    guesses = [truth[:10], truth[10:20], 1 - truth[20:]]
    trials = [Fit(i, 0, np.arange(10 * i, 10 * i + 10), g) for i, g in enumerate(guesses)]
    assert Score("t", "m", "p", ["a", "b"], truth, trials).interval == (0, 1)


def test_one_split_is_bootstrapped_by_group():
    single = score(folds=1, seeds=1, groups=100)
    low, high = single.interval
    half = 1.96 * math.sqrt(single.accuracy * (1 - single.accuracy) / 40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)
    assert single.interval == single.interval  # the resamples are the same each time
    assert single.interval_is == "bootstrap of 40 tested groups"


def test_recordings_of_a_group_count_as_one():
    """Forty copies of ten draws are no more evidence than ten draws."""
    rng = np.random.default_rng(1)
    right = rng.random(10) < 0.6
    truth = np.zeros(400, np.int64)
    trial = Fit(0, 0, np.arange(400), np.repeat(~right, 40).astype(np.int64))
    names = [str(i // 40) for i in range(400)]
    own = Score("t", "m", "p", ["a", "b"], truth, [trial]).interval
    grouped = Score("t", "m", "p", ["a", "b"], truth, [trial], {}, names).interval
    assert grouped[1] - grouped[0] > 4 * (own[1] - own[0])


def test_one_tested_group_has_no_interval():
    found = score(folds=1, groups=1)
    assert all(math.isnan(end) for end in found.interval)
    assert found.summary()["interval"] == [None, None]
    json.dumps(found.to_dict(), allow_nan=False)


def by_definition(found: Score) -> list[ClassScore]:
    """Count hits, predictions and examples of each class, and divide."""
    hits, said, was = (np.zeros(len(found.classes), int) for _ in range(3))
    for fit in found.fits:
        for truth, predicted in zip(found.truth[fit.test], fit.predicted, strict=True):
            hits[truth] += truth == predicted
            said[predicted] += 1
            was[truth] += 1
    tested = set(np.concatenate([fit.test for fit in found.fits]).tolist())
    return [
        ClassScore(
            name,
            precision=hits[i] / said[i] if said[i] else 0.0,
            recall=hits[i] / was[i] if was[i] else math.nan,
            f1=2 * hits[i] / (said[i] + was[i]) if said[i] + was[i] else math.nan,
            support=sum(found.truth[j] == i for j in tested),
        )
        for i, name in enumerate(found.classes)
    ]


@pytest.mark.parametrize("seeds", [1, 2])
def test_figures_of_each_class_by_definition(seeds):
    found = score(seeds=seeds)
    report = found.per_class()
    assert report == by_definition(found)
    truth = np.concatenate([found.truth[fit.test] for fit in found.fits])
    said = np.concatenate([fit.predicted for fit in found.fits])
    counts = found.confusion()
    assert all(counts[i, j] == np.sum((truth == i) & (said == j)) for i, j in np.ndindex(4, 4))
    assert found.macro_recall == pytest.approx(metrics.balanced_accuracy_score(truth, said))


def test_a_class_that_is_not_tested_or_not_predicted():
    truth = np.array([0, 0, 1, 2, 3])
    fit = Fit(0, 0, np.array([0, 1, 2, 3]), np.array([0, 1, 1, 1]))
    found = Score("t", "m", "p", ["a", "b", "never predicted", "never tested"], truth, [fit])
    _, _, never_predicted, never_tested = found.per_class()
    assert (never_predicted.precision, never_predicted.recall, never_predicted.f1) == (0, 0, 0)
    assert math.isnan(never_tested.recall) and math.isnan(never_tested.f1)
    assert never_tested.precision == 0 and never_tested.support == 0
    assert found.macro_recall == pytest.approx(0.5)  # of the tested classes


def test_scores_survive_a_file(tmp_path):
    found = score()
    scores.write(tmp_path / "x.json", [found])
    (read,) = scores.read(tmp_path / "x.json")
    assert read.to_dict() == found.to_dict() and read.interval == found.interval
    (written,) = json.loads((tmp_path / "x.json").read_text())["scores"]
    assert set(written["trials"][0]) == {"fold", "seed", "test", "predicted"}  # as ever


@pytest.mark.parametrize("content", ["", "[]", '{"format": 9, "scores": []}', '{"format": 1}'])
def test_a_file_of_something_else_is_told(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UserError, match=r"format 9, written by|probe --out"):
        scores.read(tmp_path / "x.json")
    with pytest.raises(UserError, match=r"format 9, written by|probe --out"):
        scores.read(tmp_path / "absent.json")


def test_recovery():
    assert recovery(0.6, 0.4, 0.8) == pytest.approx(0.5)
    assert recovery(0.9, 0.4, 0.8) > 1 and recovery(0.3, 0.4, 0.8) < 0
    assert math.isnan(recovery(0.6, 0.8, 0.8)) and math.isnan(recovery(0.6, 0.9, 0.8))
    assert all(
        math.isnan(recovery(*f)) for f in [(math.nan, 0, 1), (0, math.nan, 1), (0, 0, math.nan)]
    )


def test_models_are_compared_in_the_folds_that_all_have():
    every, other = score(right=0.7), score(right=0.9)
    few = replace(other, fits=[fit for fit in other.fits if fit.fold in (1, 3)])
    expected = [np.mean([s.folds[1], s.folds[3]]) for s in (every, other)]
    assert in_shared_folds(every, few) == pytest.approx(expected)
    assert in_shared_folds(every, other) == [every.accuracy, other.accuracy]
    none = replace(other, fits=[fit for fit in other.fits if fit.fold == 4])
    assert all(math.isnan(accuracy) for accuracy in in_shared_folds(few, none))


def copied(times: int, folds: int = 1) -> Score:
    """Ten sounds, each tested `times` times, in one fold or in turns in several."""
    count = 10 * times
    sounds = [i % 10 for i in range(count)]
    truth = np.array([sound % 2 for sound in sounds])
    predicted = np.array([(sound < 7) * truth[i] for i, sound in enumerate(sounds)])
    fits = [
        Fit(fold, 0, own, predicted[own])
        for fold in range(folds)
        for own in [np.array([i for i in range(count) if i // 10 % folds == fold])]
    ]
    return Score("t", "m", "p", ["a", "b"], truth, fits, sounds=sounds)


@pytest.mark.parametrize(("times", "folds"), [(4, 1), (9, 1), (4, 4), (9, 3)])
def test_copies_of_ten_sounds_are_no_more_evidence_than_ten_sounds(times, folds):
    once, often = copied(1), copied(times, folds)
    assert often.interval == pytest.approx(once.interval)
    assert often.interval_is == once.interval_is == "bootstrap of 10 tested groups"


def test_scores_keep_the_numbers_of_sounds(tmp_path):
    scores.write(tmp_path / "scores.json", [copied(4, 4)])
    (found,) = scores.read(tmp_path / "scores.json")
    assert found.sounds == copied(4, 4).sounds and found.interval == copied(4, 4).interval
