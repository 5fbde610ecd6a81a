"""Maps: an even choice of recordings, exact neighbors, places that keep groups apart."""

from __future__ import annotations

import numpy as np
import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.report import maps


def test_choose_is_even_over_classes_from_the_first_on():
    truth = np.repeat([0, 1, 2], [50, 10, 4])
    chosen = maps.choose(truth, 12)
    assert np.bincount(truth[chosen]).tolist() == [4, 4, 4]
    assert sorted(truth[chosen[:3]]) == [0, 1, 2]
    assert len(maps.choose(truth, 1000)) == len(set(maps.choose(truth, 1000))) == 64


def test_neighbors_are_those_of_a_literal_search():
    x = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32) + 5
    unit = maps.directions(x)
    nearest, cosines = maps.neighbors(unit, 4)
    standard = (x - x.mean(0)) / x.std(0)
    for i, row in enumerate(standard):
        said = [
            (float(row @ other / np.linalg.norm(row) / np.linalg.norm(other)), j)
            for j, other in enumerate(standard)
            if j != i
        ]
        wanted = sorted(said, reverse=True)[:4]
        assert [j for _, j in wanted] == nearest[i].tolist()
        np.testing.assert_allclose(cosines[i], [cosine for cosine, _ in wanted], atol=1e-5)


def test_layout_keeps_two_heaps_apart_and_repeats_itself():
    rng = np.random.default_rng(0)
    heaps = np.repeat([0, 1], 20)
    x = rng.standard_normal((40, 6)) + 12 * heaps[:, None]
    unit = maps.directions(x.astype(np.float32))
    places, how = maps.layout(unit)
    assert how == "t-SNE" and places.min() >= 0 and places.max() <= 1
    np.testing.assert_array_equal(places, maps.layout(unit)[0])
    centers = [places[heaps == i].mean(0) for i in (0, 1)]
    widest = max(np.linalg.norm(places[heaps == i] - centers[i], axis=1).max() for i in (0, 1))
    assert np.linalg.norm(centers[0] - centers[1]) > 2 * widest


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.random.default_rng(0).standard_normal((9, 4)), "9 sounds are too few for t-SNE"),
        (np.ones((40, 4)), "collapsed"),
        (np.outer(np.arange(40), np.ones(4)), "collapsed"),
        (np.random.default_rng(0).standard_normal((9, 1)), "too few"),
    ],
)
def test_layout_without_tsne_says_why(x, said):
    places, how = maps.layout(maps.directions(x.astype(np.float32)))
    assert said in how and places.shape == (len(x), 2) and np.isfinite(places).all()


def test_no_map_of_nan():
    with pytest.raises(UserError, match="NaN"):
        maps.directions(np.full((20, 3), np.nan, np.float32))
