"""Label columns that would give wrong results, and those that only look like it."""

from __future__ import annotations

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.probing.labels import check_labels, meaning


@pytest.mark.parametrize(
    "same",
    [["1", "1.0"], ["1", " 1 "], ["dog", "dog "], ["7", "007"], ["one", "1"], ["True", "true"]],
)
def test_one_class_spelled_in_two_ways_is_refused(same):
    with pytest.raises(UserError, match="look like one class"):
        check_labels([*same, "other"] * 3, "label")


@pytest.mark.parametrize(
    "honest",
    [
        ["10", "1", "100"],
        ["s", "S"],
        ["1e5", "100000"],
        ["1.5", "15"],
        ["0", "1", "unknown"],
        ["00f", "0f"],
        ["nan", "dal"],
        ["-1", "1"],
    ],
)
def test_distinct_labels_are_accepted(honest):
    check_labels(honest * 3, "label")


def test_nan_and_single_labels_are_refused():
    with pytest.raises(UserError, match="numbers and 'nan'"):
        check_labels(["1.0", "2.0", "nan"], "label")
    with pytest.raises(UserError, match="two or more labels"):
        check_labels(["a", "a"], "label")
    assert meaning("010") == meaning("10.0") != meaning("1")
