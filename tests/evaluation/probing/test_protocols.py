"""Protocols find a signal, find none where there is none, and never see the test part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.levels import Levels

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing import protocols
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.probing.models import open_model
from tiny_audio_ssl.evaluation.probing.protocols import (
    GRID,
    PROTOCOLS,
    evaluate,
    few_shot,
    knn,
    linear,
)


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"few-shot-20"}))
def test_a_signal_is_found_and_a_coin_is_not(protocol, folder, store):
    for label, low, high in (("level", 0.95, 1.0), ("coin", 0.2, 0.75)):
        task = EvaluationTask(label, str(folder / "list.csv"), label=label, group="speaker")
        found = evaluate(Levels(), open_task(task), protocol, store)
        assert low <= found.accuracy <= high and len(found.folds) == 5
        assert found.task == label and found.model == "levels" and found.protocol == protocol


@pytest.mark.parametrize("protocol", [linear, knn, lambda x, task: few_shot(x, task, 3)])
def test_a_protocol_is_the_same_every_time_and_wants_no_scale(protocol, levels):
    x = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    x[:, 0] += levels.truth
    once, again, scaled = protocol(x, levels), protocol(x, levels), protocol(16 * x + 3, levels)
    for trial, same, other in zip(once[0], again[0], scaled[0], strict=True):
        assert np.array_equal(trial.predicted, same.predicted)
        assert np.mean(trial.predicted == other.predicted) > 0.9
    assert once[1] == again[1]


def test_c_is_chosen_without_the_test_part(levels):
    """The labels of what is tested may be anything; the choice and the fit stay the same."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 40)).astype(np.float32)
    x[:, 0] += 2 * levels.truth
    (one, *_) = levels.splits
    altered = levels.truth.copy()
    altered[one.test] = rng.permutation(altered[one.test])
    other = replace(levels, table=replace(levels.table, truth=altered))
    before, after = linear(x, levels), linear(x, other)
    assert str(before[1]["C"]).split(", ")[0] == str(after[1]["C"]).split(", ")[0]
    assert np.array_equal(before[0][0].predicted, after[0][0].predicted)


def test_the_chosen_c_suits_the_data(levels):
    rng = np.random.default_rng(2)
    noisy = rng.standard_normal((60, 200)).astype(np.float32)
    noisy[:, :20] += 0.7 * levels.truth[:, None]
    clear = np.eye(3, dtype=np.float32)[levels.truth] + 0.01 * noisy[:, :3]
    chosen = [
        [float(c) for c in str(linear(x, levels)[1]["C"]).split(", ")] for x in (noisy, clear)
    ]
    assert all(c in GRID for c in chosen[0]) and np.mean(chosen[0]) < GRID[-1]
    assert linear(clear, levels)[0][0].accuracy(levels.truth) == 1


def test_more_columns_than_rows_make_no_other_regression(levels):
    """`linear` turns such embeddings into fewer columns; plain scikit-learn does not."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((60, 300)).astype(np.float32)
    x[:, :5] += levels.truth[:, None]
    trials, details = linear(x, levels)
    for trial, one, c in zip(trials, levels.splits, str(details["C"]).split(", "), strict=True):
        plain = make_pipeline(StandardScaler(), LogisticRegression(C=float(c), max_iter=5000))
        plain.fit(x[one.train], levels.truth[one.train])
        assert np.mean(plain.predict(x[one.test]) == trial.predicted) > 0.9


def test_few_shots_are_drawn_from_the_training_part_anew_each_seed(levels, monkeypatch):
    x = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    drawn = []
    fit = protocols._regress
    monkeypatch.setattr(protocols, "_regress", lambda *a: drawn.append(a[2]) or fit(*a))
    trials, details = few_shot(x, levels, 2)
    assert [(t.fold, t.seed) for t in trials] == [(f, s) for f in range(5) for s in range(10)]
    assert details["seeds"] == 10
    for trial, one in zip(trials, drawn, strict=True):
        assert np.bincount(levels.truth[one.train]).tolist() == [2, 2, 2]
        assert set(one.train) <= set(levels.splits[trial.fold].train)
        assert not {levels.groups[i] for i in one.train} & {levels.groups[i] for i in trial.test}
    assert len({tuple(sorted(one.train)) for one in drawn[:10]}) == 10


def test_too_few_examples_for_few_shots_are_told(levels):
    x = np.zeros((60, 1), np.float32)
    with pytest.raises(UserError, match=r"'level\d' has 1\d examples .*few-shot-20 needs 20"):
        few_shot(x, levels, 20)


def test_an_unknown_protocol_is_told(levels, store):
    with pytest.raises(UserError, match="choose from linear, knn"):
        evaluate(Levels(), levels, "svm", store)


def test_log_mel_statistics_on_real_recordings(real_audio, store):
    """ESC-10 by its official folds."""
    task = EvaluationTask(
        "ESC-10",
        str(real_audio / "esc50" / "meta.csv"),
        label="category",
        fold="fold",
        group="src_file",
        where=("esc10=TRUE",),
    )
    labeled = open_task(task)
    found = evaluate(open_model("logmel"), labeled, "linear", store)
    assert len(labeled) == 400 and len(found.folds) == 5
    assert 0.76 < found.accuracy < 0.84
    low, high = found.interval
    assert 0.6 < low < found.accuracy < high < 0.95
