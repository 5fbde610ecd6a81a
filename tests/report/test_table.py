"""The results table: best methods, averages, recovery."""

from __future__ import annotations

import pytest
from support.scores import score

from tiny_audio_ssl.report.table import recoveries, tabulate


def test_table_marks_the_best_of_each_protocol_and_says_what_is_missing():
    found = tabulate(
        [score("x", 8), score("y", 6), score("x", 4, "u"), score("z", 9, protocol="knn")]
    )
    assert [(m.protocol, m.model) for m in found.methods] == [
        ("linear", "x"), ("linear", "y"), ("knn", "z"),
    ]  # fmt: skip
    x, y, z = found.tasks[0].cells
    assert (x.value, x.best, y.value, y.best) == (0.8, True, 0.6, False)
    assert x.low <= x.value <= x.high
    assert z.value == 0.9 and not z.best  # nothing to be better than
    assert found.tasks[1].cells[1].missing == "not measured"
    assert found.average.cells[0].value == pytest.approx(0.6)
    assert found.average.cells[1].missing == "1 of 2 tasks"


def test_equal_accuracies_lie_in_the_middle_of_their_scale():
    (column,) = tabulate([score("x", 10), score("y", 10)]).tasks
    low, high = column.scale
    assert {cell.value for cell in column.cells} == {1.0} and high > low
    assert (low + high) / 2 == pytest.approx(1.0, abs=1e-12)


def test_recovery_compares_with_the_references_of_the_same_encoder():
    every = [
        score("run-a", 7), score("run-b", 7), score("log-mel statistics", 7),
        score("random weights of run-a", 5), score("random weights of run-b", 6),
        score("random weights (mobile)", 9, protocol="supervised", encoder="mobile"),
        score("random weights (separable)", 8, protocol="supervised", encoder="separable"),
    ]  # fmt: skip
    found, reason = recoveries(tabulate(every), every, {"run-a": "mobile", "run-b": "separable"})
    assert not reason and [m.model for m in found.methods] == ["run-a", "run-b"]
    assert [cell.value for cell in found.tasks[0].cells] == pytest.approx([2 / 4, 1 / 2])


def test_recovery_without_references_says_which():
    every = [score("run", 7), score("random weights", 5)]
    assert recoveries(tabulate(every), every, {})[1] == "The results hold no supervised training."
    every += [score("random weights", 5, protocol="supervised")]  # no better than random
    found, reason = recoveries(tabulate(every), every, {})
    assert not found.methods and reason
