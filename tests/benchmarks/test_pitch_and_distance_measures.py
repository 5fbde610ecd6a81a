"""Measures of pitch and of distances, on cases with known answers."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from support.scripts import imported


@pytest.fixture(scope="module")
def measures() -> Iterator[tuple[ModuleType, ...]]:
    with imported("pitch_measures", "distance_measures") as modules:
        yield modules


def test_pitch_is_right_within_50_cents(measures):
    pitch, _ = measures
    cents = np.array([0.0, 49.0, -49.0, 51.0, 1200.0, -2399.0, 600.0, 20.0])
    assert pitch.accuracies(cents) == {
        "raw_pitch_accuracy": 0.5,
        "raw_chroma_accuracy": 0.75,
        "median_cents": 50.0,
    }


def test_area_is_the_share_of_pairs(measures):
    pitch, _ = measures
    voiced, unvoiced = np.array([0.9, 0.5, 0.1]), np.array([0.5, 0.2])
    pairs = [1.0 if v > u else 0.5 if v == u else 0.0 for v in voiced for u in unvoiced]
    assert pitch.area(voiced, unvoiced) == round(np.mean(pairs), 3)
    assert pitch.area(np.full(3, np.nan), unvoiced) == ""


def test_errors_are_those_where_the_pitch_is_known(measures):
    pitch, _ = measures
    sound = pitch.Pitched(np.zeros(1, np.float32), lambda times: 100 * 2**times, (0.1, 0.5))
    times = np.array([0.0, 0.25, 0.5, 0.75])
    track = (times, 100 * 2 ** (times + 1 / 12), np.arange(4.0))
    cents, confidence = pitch.compared([sound], [track])
    np.testing.assert_allclose(cents, [100, 100])
    assert confidence.tolist() == [1, 2]


def test_glides_have_the_pitch_that_they_say(measures):
    """The strongest period in a short window is that of the pitch."""
    pitch, _ = measures
    glide = pitch.glide(np.random.default_rng(3))
    middle = glide.wave[7_600:8_400].astype(float)
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    hz = float(glide.hz_at(np.array([0.5]))[0])
    period = round(16_000 / hz)
    near = correlation[round(0.8 * period) : round(1.2 * period)]
    assert abs(round(0.8 * period) + int(near.argmax()) - period) <= 0.03 * period
    assert near.max() > 0.5 * correlation[0]


@pytest.mark.parametrize("tracker", ["yin", "crepe"])
def test_peers_hear_the_pitch_of_a_harmonic_tone(measures, tracker):
    pitch, _ = measures
    times = np.arange(4000) / 16000
    wave = sum(np.sin(2 * np.pi * 220 * n * times) / n for n in (1, 2, 3)).astype(np.float32)
    _, hz, _ = getattr(pitch, tracker)(0.3 * wave)
    assert np.abs(1200 * np.log2(hz / 220)).max() < 20


def test_held_out_degradations_grow_with_their_strength(measures):
    _, distance = measures
    wave = np.random.default_rng(0).normal(0, 0.1, 15_600).astype(np.float32)
    for name, degradation in distance.HELD_OUT.items():
        errors = [
            np.square(degradation(wave, strength, np.random.default_rng(1)) - wave).sum()
            for strength in (0.05, 0.3, 0.6, 1.0)
        ]
        assert (np.diff(errors) > 0).all(), name


def test_weaker_degradation_is_the_nearer_one(measures):
    _, distance = measures
    rng = np.random.default_rng(0)
    waves = [rng.normal(0, 0.1, 15_600).astype(np.float32) for _ in range(4)]

    def error(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.square(first - second).sum())

    degradation = distance.HELD_OUT["low-pass"]
    assert list(distance.answers(error, degradation, waves, False)) == [True] * 4
    opposite = list(distance.answers(lambda a, b: -error(a, b), degradation, waves, False))
    assert opposite == [False] * 4
