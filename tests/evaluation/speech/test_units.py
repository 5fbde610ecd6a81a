"""PNMI and codebook use against plain loops, and clusters that repeat."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.speech.units import clustered, frame_phones, joined, score_units

PHONES = ["A"] * 40 + ["B"] * 40 + ["C"] * 20


def test_units_that_are_the_phones():
    units = np.array([3] * 40 + [0] * 40 + [1] * 20)
    score = score_units(PHONES, units, size=4)
    assert score.pnmi == pytest.approx(1)
    assert score.used == 0.75
    entropy = -(0.8 * math.log(0.4) + 0.2 * math.log(0.2))
    assert score.perplexity == pytest.approx(math.exp(entropy))


def test_units_that_say_nothing():
    assert score_units(PHONES, np.arange(100) % 2, size=2).pnmi == pytest.approx(0, abs=1e-9)
    assert score_units(PHONES, np.zeros(100, np.int64), size=8).perplexity == pytest.approx(1)


def test_pnmi_by_its_definition():
    rng = np.random.default_rng(0)
    phones = [str(p) for p in rng.integers(0, 5, 500)]
    units = np.array([(int(p) + int(rng.integers(3))) % 7 for p in phones])
    joint = Counter(zip(phones, units.tolist(), strict=True))
    of_phone, of_unit = Counter(phones), Counter(units.tolist())
    shared = sum(
        n / 500 * math.log(n / 500 / (of_phone[p] / 500 * of_unit[u] / 500))
        for (p, u), n in joint.items()
    )
    entropy = -sum(n / 500 * math.log(n / 500) for n in of_phone.values())
    assert score_units(phones, units, size=9).pnmi == pytest.approx(shared / entropy, abs=1e-9)


def test_one_kind_of_phone():
    with pytest.raises(UserError, match="all frames are of the phone A"):
        score_units(["A", "A"], np.array([0, 1]), size=2)


def test_clusters_find_groups_and_repeat(made_up):
    rng = np.random.default_rng(0)
    centers = 10 * np.eye(4, dtype=np.float32)
    kind = rng.integers(0, 4, 300)
    frames = centers[kind] + rng.standard_normal((300, 4)).astype(np.float32)
    units = clustered(frames, 4, seed=1)
    assert score_units([str(k) for k in kind], units, 4).pnmi == pytest.approx(1)
    np.testing.assert_array_equal(units, clustered(frames, 4, seed=1))
    with pytest.raises(UserError, match="300 frames for 301 units; choose fewer --units"):
        clustered(frames, 301)


def test_each_frame_has_the_phone_that_it_is_of(made_up):
    found = frame_phones(made_up.features, made_up.items)
    assert len(found) == len(made_up.features.frames)
    start, end = made_up.features.starts[5], made_up.features.ends[5]
    assert set(found[start:end]) == {made_up.items[5].phone}


def test_ids_of_several_codebooks_are_joined():
    ids = np.array([[1, 0], [1, 2], [1, 0], [0, 2]], np.float32)
    assert joined(ids).tolist() == [1, 2, 1, 0]
