"""Sounds taught by examples: the nearest one, when it is known, and what is heard now."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.paths import ROOT

from tiny_audio_ssl import UserError
from tiny_audio_ssl.embedding.comparison import Comparison
from tiny_audio_ssl.embedding.taught_sounds import TaughtSounds, example, present

KOTLIN = ROOT / "android_demo" / "encoder" / "src" / "main" / "kotlin" / "org" / "tinyaudiossl"
BELL, DOG = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


@pytest.fixture
def two() -> TaughtSounds:
    return TaughtSounds().taught("bell", BELL).taught("dog", DOG)


def test_the_nearest_mean_wins_by_direction(two):
    near = two.nearest([50.0, 10.0, 0.0])
    assert (near.name, near.known) == ("bell", True)
    assert near.distance == pytest.approx(1 - 50 / np.sqrt(2600))
    assert two.taught("bell", DOG).nearest([1.0, 1.0, 0.0]).distance == pytest.approx(0)


def test_what_is_far_or_between_two_is_unknown(two):
    assert not two.nearest([0.5, 0.0, 1.0]).known
    wide = TaughtSounds(two.examples, limit=2.0)
    assert wide.nearest([0.5, 0.0, 1.0]).known
    assert not wide.nearest([1.0, 0.98, 0.0]).known
    assert wide.nearest([1.0, 0.5, 0.0]).known
    assert TaughtSounds({"bell": two.examples["bell"]}, limit=2.0).nearest([1.0, 0.98, 0.0]).known


def test_an_example_is_the_mean_of_its_loud_moments():
    moments = np.array([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(example(moments, np.array([0.01, 0.5, 0.25])), [0.5, 0.5])


def test_the_present_is_a_mean_weighted_by_level():
    moments = np.array([[4.0, 0.0], [1.0, 3.0], [4.0, 0.0]])
    found = present(moments, np.array([0.0, 0.3, 0.1]), moments=2)
    np.testing.assert_allclose(found, [[4, 0], [1, 3], [1.75, 2.25]], atol=1e-4)


def test_what_cannot_be_taught(two):
    with pytest.raises(UserError, match="no sound was taught"):
        TaughtSounds().nearest(BELL)
    with pytest.raises(UserError, match="needs a name"):
        two.taught(" ", BELL)
    with pytest.raises(UserError, match=r"shape \[2\]; expected 3 finite numbers"):
        two.taught("cat", [1.0, 2.0])
    with pytest.raises(UserError, match="finite numbers"):
        TaughtSounds().taught("cat", [np.nan])


def test_the_app_has_the_same_constants():
    code = "".join(file.read_text() for file in KOTLIN.rglob("*.kt"))
    plain = Comparison()
    for written, value in {
        "const val LIMIT =": plain.limit,
        "val mostOfSecond: Float =": plain.most_of_second,
    }.items():
        (found,) = re.findall(rf"{written} ([\d.]+)f", code)
        assert float(found) == value
