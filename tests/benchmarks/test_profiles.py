"""Profiles of operators and of training steps: names that meet, and times that add up."""

from __future__ import annotations

import pytest
from support.scripts import imported


@pytest.fixture(scope="module")
def scripts():
    with imported("operators", "training_profile") as found:
        yield found


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("Convolution (NHWC, F32) IGEMM", "Convolution IGEMM"),
        ("Convolution (NHWC, QC8) IGEMM", "Convolution IGEMM"),
        ("Static Reshape (NC)", "Static Reshape"),
        ("QLinearConv", "Conv"),
    ],
)
def test_operators_of_both_precisions_have_one_name(scripts, operator, kind):
    operators, _ = scripts
    assert operators.kind_of(operator) == kind


def test_time_of_an_inner_part_is_not_the_outer_ones(scripts, monkeypatch):
    _, profile = scripts
    now = iter([0.0, 1.0, 2.0, 4.0, 5.0, 8.0, 8.5])
    monkeypatch.setattr("time.thread_time", lambda: next(now))
    spans = profile.Spans()
    spans.begin_step()  # at 1
    with spans.part("views"), spans.part("front-end"):  # from 2 and 4 to 5
        pass  # and to 8
    spans.begin_step()
    assert spans.steps[0] == {"other": 1.5, "views": 5.0, "front-end": 1.0}
