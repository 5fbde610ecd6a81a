"""HSIC by loops, sparsemax by its definition, and weights that find the useful pseudo-label."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl.evaluation.search.independence import (
    best_weights,
    conditional_hsic,
    hsic,
    sparsemax,
    squared_distances,
    within,
)


@pytest.fixture
def noise(rng) -> torch.Tensor:
    return torch.randn(60, 4, generator=rng).double()


CLASSES = [torch.arange(0, 20), torch.arange(20, 60)]


def hsic_by_loops(kernel: np.ndarray, other: np.ndarray) -> float:
    """tr(K H L H) / n^2, element by element."""
    n = len(kernel)
    h = [[(i == j) - 1 / n for j in range(n)] for i in range(n)]
    total = 0.0
    for i, j in itertools.product(range(n), repeat=2):
        centered = sum(h[j][a] * other[a, b] * h[b][i] for a in range(n) for b in range(n))
        total += kernel[i, j] * centered
    return total / n**2


def test_hsic(noise):
    kernel, other = ((-squared_distances(x[:9]) / 2).exp() for x in (noise, noise.flip(0)))
    assert hsic(kernel, other).item() == pytest.approx(
        hsic_by_loops(kernel.numpy(), other.numpy()), rel=1e-9
    )


def test_distances_are_of_standardized_numbers_over_their_median(noise):
    x = noise[:8].numpy() * [1, 10, 100, 1] + 5
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    by_hand = [[sum((a - b) ** 2) for b in standard] for a in standard]
    pairs = [by_hand[i][j] for i, j in itertools.combinations(range(8), 2)]
    median = sorted(pairs)[(len(pairs) - 1) // 2]
    found = squared_distances(torch.from_numpy(x))
    np.testing.assert_allclose(found, np.array(by_hand) / median, rtol=1e-6, atol=1e-9)


def test_number_that_never_changes_counts_for_nothing(noise):
    constant = torch.cat([noise, torch.full((60, 1), 3.0)], dim=1)
    torch.testing.assert_close(squared_distances(constant), squared_distances(noise))


def test_dependence_is_large_for_the_sound_itself_and_small_for_noise(noise, rng):
    sound = within(squared_distances(noise), CLASSES)
    own = conditional_hsic(sound, sound).item()
    independent = [
        conditional_hsic(
            sound,
            within(squared_distances(torch.randn(60, 4, generator=rng).double()), CLASSES),
        ).item()
        for _ in range(10)
    ]
    by_class = [hsic((-d / 2).exp(), (-d / 2).exp()).item() for d in sound]
    assert own == pytest.approx(np.mean(by_class), rel=1e-9)
    assert own > 3 * max(independent) and min(independent) > 0  # the estimate is biased


def test_dependence_within_classes_is_what_counts(noise):
    """A label that depends on the sound through the class alone is independent given the class."""
    place = torch.zeros(60, 1).double()
    place[20:] = 10
    sound = squared_distances(noise + place)
    of_class = squared_distances(place + 0.001 * noise.flip(0))
    own = within(sound, CLASSES)
    given_class = conditional_hsic(own, within(of_class, CLASSES)).item()
    everything = [torch.arange(60)]
    overall = conditional_hsic(within(sound, everything), within(of_class, everything)).item()
    assert given_class < 0.1 * overall


def test_order_of_recordings_and_classes_does_not_matter(noise):
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    other = noise.square() + noise.roll(1, 1)
    before = conditional_hsic(
        *(within(squared_distances(x), CLASSES) for x in (noise, other))
    ).item()
    place = order.argsort()
    classes = [place[own] for own in reversed(CLASSES)]
    after = conditional_hsic(
        *(within(squared_distances(x[order]), classes) for x in (noise, other))
    ).item()
    assert after == pytest.approx(before, rel=1e-9)


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    """For each support, the nearest point is known; the nearest of all is the projection."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = 2 * rng.standard_normal(5)
        nearest, best = None, math.inf
        for size in range(1, 6):
            for support in itertools.combinations(range(5), size):
                point = np.zeros(5)
                shift = (values[list(support)].sum() - 1) / size
                point[list(support)] = values[list(support)] - shift
                distance = ((point - values) ** 2).sum()
                if (point >= 0).all() and distance < best:
                    nearest, best = point, distance
        np.testing.assert_allclose(sparsemax(torch.from_numpy(values)), nearest, atol=1e-12)


def test_weights_are_those_of_the_lowest_dependence(noise):
    """No other point of the simplex, on a grid, has a lower one."""
    other = torch.randn(60, 3, generator=torch.Generator().manual_seed(5)).double()
    sound = [x.float() for x in within(squared_distances(noise), CLASSES)]
    candidates = {"half": noise[:, :3] + other, "noise": other, "most": noise[:, :3] + other / 3}
    parts = {
        name: [x.float() for x in within(squared_distances(values), CLASSES)]
        for name, values in candidates.items()
    }

    def dependence(weights: dict[str, float]) -> float:
        together = [
            sum(weight**2 * parts[name][k] for name, weight in weights.items()) for k in range(2)
        ]
        return float(conditional_hsic(sound, together))

    found = best_weights(sound, parts)
    lowest = dependence(found)
    for i, j in itertools.product(range(11), repeat=2):
        if i + j <= 10:
            point = {"half": i / 10, "noise": j / 10, "most": (10 - i - j) / 10}
            assert lowest <= dependence(point) * 1.001


def test_weights_choose_the_label_that_is_independent_given_the_class(noise, rng):
    place = torch.zeros(60, 1).double()
    place[20:] = 10
    sound = within(squared_distances(noise + place), CLASSES)
    candidates = {
        "sound": noise + place,
        "half": noise + torch.randn(60, 4, generator=rng).double(),
        "class": place + 0.1 * torch.randn(60, 4, generator=rng).double(),
    }
    parts = {n: within(squared_distances(x), CLASSES) for n, x in candidates.items()}
    found = best_weights(
        [x.float() for x in sound], {n: [x.float() for x in z] for n, z in parts.items()}
    )
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    assert found["class"] > 0.8
