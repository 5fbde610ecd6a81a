"""Scores of several files under unique names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.scores import score

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.report.results import in_order, read_results


def test_results_of_several_files_under_short_names(tmp_path):
    logmel = score("log-mel statistics", 5)
    scores.write(tmp_path / "a.json", [score("/runs/a", 7), logmel])
    scores.write(tmp_path / "b.json", [score("random weights of /runs/a", 6), logmel])
    found = read_results([tmp_path / "a.json", tmp_path / "b.json"], {"/runs/a": "a"})
    assert [s.model for s in found] == ["a", "log-mel statistics", "random weights of a"]


def test_results_that_can_and_that_cannot_be_told_apart(tmp_path):
    file = tmp_path / "x.json"
    both = [score("random weights", 6, encoder="e"), score("random weights", 7, encoder="f")]
    scores.write(file, both)
    assert [s.model for s in read_results([file], {})] == [
        "random weights (e)", "random weights (f)",
    ]  # fmt: skip
    scores.write(file, [replace(one, details={}) for one in both])
    with pytest.raises(UserError, match="two different scores of random weights"):
        read_results([file], {})


def test_results_in_the_order_that_was_asked_for():
    given = [
        score("x", 5, "b", "supervised"),
        score("x", 6, "c"),
        score("x", 7, "b"),
        score("x", 8, "a"),
    ]
    found = [(s.task, s.protocol) for s in in_order(given, ["a", "b"])]
    assert found == [("a", "linear"), ("b", "linear"), ("b", "supervised"), ("c", "linear")]
