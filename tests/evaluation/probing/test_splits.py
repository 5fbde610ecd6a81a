"""Splits keep groups, folds and sounds apart, whatever the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.splits import apart

from tiny_audio_ssl import UserError
from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import tabulate
from tiny_audio_ssl.evaluation.probing.splits import LabelTable, inner, split


def table(label: list[str], copies: list[int] | None = None, **columns: list[str]) -> LabelTable:
    """A table with columns fold, split or group, as they are given."""
    rows = zip(label, *columns.values(), strict=True)
    clips = [
        Clip(Path(str(i)), columns=dict(zip(("label", *columns), row, strict=True)))
        for i, row in enumerate(rows)
    ]
    named = {name: name for name in columns}
    return tabulate(
        clips, EvaluationTask("t", "t.csv", **named), None if copies is None else np.array(copies)
    )


def random_table(seed: int) -> LabelTable:
    """Few or many classes, groups and copies; official folds or parts that may part groups."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 120))

    def drawn(most: int, prefix: str) -> list[str]:
        return [f"{prefix}{i}" for i in rng.integers(0, rng.integers(2, most), n)]

    columns: dict[str, list[str]] = {}
    if rng.random() < 0.7:
        columns["group"] = [g if rng.random() < 0.95 else "" for g in drawn(n, "g")]
    kind = rng.integers(3)
    if kind == 1:
        columns["fold"] = drawn(6, "f")
    elif kind == 2:
        columns["split"] = rng.choice(["train", "train", "test", "validation"], n).tolist()
    if kind and "group" in columns and rng.random() < 0.7:  # an honest publisher
        name = "fold" if kind == 1 else "split"
        first = dict(zip(columns["group"], columns[name], strict=True))
        columns[name] = [first[g] if g else own for g, own in zip(*columns.values(), strict=True)]
    copies = rng.integers(0, n * int(rng.integers(1, 4)), n)
    return table(drawn(6, "l"), copies.tolist(), **columns)


def test_nothing_leaks_whatever_the_table():
    told = 0
    for seed in range(200):
        found = random_table(seed)
        try:
            splits = split(found, folds=2 + seed % 4, seed=seed)
        except UserError:
            told += 1
            continue
        for one in splits:
            assert apart(found, one)
            assert set(found.truth[one.test]) <= set(found.truth[one.train])
            for within in inner(found, one, seed):
                assert apart(found, within)
                own = one.train if one.validation is None else [*one.train, *one.validation]
                assert set(within.train) | set(within.test) <= set(own)
        if found.parts is None:  # each is tested once
            tested = np.sort(np.concatenate([one.test for one in splits]))
            assert tested.tolist() == list(range(len(found.truth)))
    assert 25 < told < 175  # both happen


def test_inner_splits_keep_official_folds_whole():
    folds = [f"f{i % 5}" for i in range(60)]
    found = table(["a", "b", "c"] * 20, fold=folds)
    for outer in split(found):
        for within in inner(found, outer):
            assert not {folds[i] for i in within.train} & {folds[i] for i in within.test}


def test_the_official_validation_part_is_what_choices_are_made_on():
    parts = ["train"] * 8 + ["validation"] * 4 + ["test"] * 4
    found = table(["a", "b"] * 8, split=parts)
    (one,) = split(found)
    assert one.validation is not None and one.validation.tolist() == [8, 9, 10, 11]
    (within,) = inner(found, one)
    assert within.test.tolist() == [8, 9, 10, 11] and within.train.tolist() == list(range(8))


def test_one_group_to_train_on_leaves_nothing_to_choose():
    found = table(["a", "b"] * 4, split=["train"] * 4 + ["test"] * 4, group=["x"] * 4 + ["y"] * 4)
    assert inner(found, split(found)[0]) == []


def test_official_folds_are_each_tested_once():
    folds = [str(1 + i % 3) for i in range(30)]
    found = split(table([str(i % 2) for i in range(30)], fold=folds))
    assert [{folds[i] for i in one.test} for one in found] == [{"1"}, {"2"}, {"3"}]


def test_a_copy_of_a_tested_recording_is_not_trained_on():
    copies = list(range(20))
    copies[12] = copies[1]  # in the other fold
    first, second = split(table(["a", "b"] * 10, copies, fold=["1"] * 10 + ["2"] * 10))
    assert 12 not in first.train and first.left_out == 1 and len(first.test) == 10
    assert 1 not in second.train and second.left_out == 1 and len(second.test) == 10


def test_a_rare_label_is_dealt_to_folds_that_train_it():
    found = table(["a"] * 20 + ["b"] * 2, group=[str(i // 2) for i in range(20)] + ["0", "1"])
    for one in split(found):
        assert set(found.truth[one.test]) <= set(found.truth[one.train])


AB = ["a", "b"] * 5


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"label": ["a"] * 9 + ["b"]}, "'b' has one example"),
        ({"label": ["a", "b"] * 2}, "at most 2 examples of a label are too few for 5 folds"),
        ({"label": AB, "group": ["1", "1", "2", "2", "3"] * 2}, "3 groups .* 5 folds"),
        (
            {"label": AB, "group": ["1", "2", "3", "2", "5", "2", "7", "2", "9", "2"]},
            "'b' is in only",
        ),
        ({"label": AB, "fold": ["1", "2"] * 5}, "'a' would be tested but never trained on"),
        ({"label": AB, "fold": ["1"] * 10}, "only one fold"),
        ({"label": AB, "fold": ["1", "2", "", "1", "2"] * 2}, "2 recordings have no fold"),
        (
            {"label": AB, "fold": ["1"] * 5 + ["2"] * 5, "group": [*"pqrstuvwxp"]},
            "group 'p' is in both the training and the test",
        ),
        ({"label": AB, "split": ["train"] * 10}, "the test part of a split is empty"),
        ({"label": AB, "split": ["train", "tset"] * 5}, "'tset': expected train, validation"),
        ({"label": AB, "split": ["train", "test"] * 5}, "'b' would be tested"),
        ({"label": AB, "split": ["train"] * 10, "fold": ["1"] * 10}, "both --fold and --split"),
    ],
)
def test_impossible_splits_are_explained(columns, said):
    with pytest.raises(UserError, match=said):
        split(table(**columns))
