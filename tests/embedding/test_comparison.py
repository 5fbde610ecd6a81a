"""Distances between embeddings, plain and with a background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.backgrounds import synthetic_background

import tiny_audio_ssl
from tiny_audio_ssl import UserError
from tiny_audio_ssl.embedding.comparison import FILE, Background, Comparison, fitted, unit
from tiny_audio_ssl.embedding.taught_sounds import TaughtSounds

DIM = 24


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    """Sounds of eight kinds; within a recording, only the first two numbers change."""
    rng = np.random.default_rng(0)
    kinds = 3 + rng.normal(size=(8, DIM))
    made = []
    for index in range(96):
        changing = np.zeros((4, DIM))
        changing[:, :2] = 4 * rng.normal(size=(4, 2))
        made.append(kinds[index % 8] + 0.2 * rng.normal(size=DIM) + changing)
    return made


@pytest.fixture(scope="module")
def background(recordings) -> Background:
    return fitted(recordings)


def test_the_plain_comparison_is_the_cosine_distance():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 1, DIM))
    cosine = 1 - (one @ other.T)[0, 0] / np.linalg.norm(one) / np.linalg.norm(other)
    assert Comparison().distances(one, unit(other))[0, 0] == pytest.approx(cosine)


def test_what_changes_within_recordings_hardly_counts(background):
    rng = np.random.default_rng(2)
    sound = 3 + rng.normal(size=DIM)
    changed = sound + np.r_[4.0, -4.0, np.zeros(DIM - 2)]
    moved = np.linalg.norm(background.cleaned(sound) - background.cleaned(changed))
    assert moved < 0.3 * np.linalg.norm(unit(sound) - unit(changed))
    np.testing.assert_allclose(np.linalg.norm(background.cleaned(changed)), 1)


def test_a_distance_counts_relative_to_those_of_the_nearest_sounds():
    how = synthetic_background(DIM, directions=3, sounds=10)
    sounds = how.rows[3:] * how.scales[3:, None].astype(float)
    asked = how.cleaned(np.random.default_rng(3).normal(size=(5, DIM)))
    nearest = np.sort(1 - asked @ sounds.T, axis=1)[:, : how.nearest].mean(axis=1)
    np.testing.assert_allclose(how.crowding(asked), nearest / how.scale)
    plain = 1 - asked @ sounds.T
    found = replace(how, scale=2 * how.scale).distances(asked, sounds)
    cleaned_again = 1 - how.cleaned(asked) @ sounds.T
    np.testing.assert_allclose(found * nearest[:, None] / (2 * how.scale), cleaned_again, rtol=0.2)
    assert found.shape == plain.shape


def test_a_background_is_written_and_read(background, tmp_path):
    about = background.write(tmp_path)
    back = Background.read(tmp_path, about)
    asked = np.random.default_rng(4).normal(size=(3, DIM))
    np.testing.assert_array_equal(back.cleaned(asked), background.cleaned(asked))
    np.testing.assert_array_equal(
        back.crowding(back.cleaned(asked)), background.crowding(background.cleaned(asked))
    )
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-1])
    with pytest.raises(UserError, match=r"background\.bin: missing or altered"):
        Background.read(tmp_path, about)


def test_too_little_to_learn_from(recordings):
    with pytest.raises(UserError, match="10 recordings, 10 of them with two windows"):
        fitted(recordings[:10])
    with pytest.raises(UserError, match="0 of them with two windows"):
        fitted([one[:1] for one in recordings])


@pytest.mark.parametrize("name", ["small", "tiny"])
def test_shipped_models_have_a_background_for_their_own_readout(name):
    model = tiny_audio_ssl.load(name)
    assert isinstance(model.comparison, Background)
    learned_dim = model.model.encoder.learned_dim
    assert model.comparison.dim == learned_dim < model.dim
    assert isinstance(tiny_audio_ssl.load(name, ["last", "middle"]).comparison, Background)
    assert not isinstance(tiny_audio_ssl.load(name, ["last"]).comparison, Background)
    with pytest.raises(UserError, match=rf"expected {learned_dim} finite numbers, .*'middle'\]"):
        TaughtSounds(comparison=model.comparison).taught("bell", model.embed(np.zeros(16_000)))
