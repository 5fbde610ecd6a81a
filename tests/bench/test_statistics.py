"""Confidence intervals of made-up samples, whose medians are known."""

from __future__ import annotations

import numpy as np
from support.measurements import around

from tiny_audio_ssl.bench import statistics


def test_a_slowdown_of_both_cancels_in_the_ratio():
    busy = np.random.default_rng(0).uniform(1, 3, (10, 1))  # slows each round
    slow, fast = busy * around(2.0, 1, 0.01), busy * around(1.0, 2, 0.01)
    ratio = statistics.ratio(slow, fast)
    assert ratio.low < 2.0 < ratio.high and ratio.high - ratio.low < 0.1
    median = statistics.median(fast)
    assert median.high / median.low > 1.2  # while the medians themselves vary


def test_intervals_cover_the_true_ratio_as_often_as_they_claim():
    found = [statistics.ratio(around(3.0, 2 * n), around(1.5, 2 * n + 1)) for n in range(200)]
    assert 0.85 < np.mean([one.low <= 2.0 <= one.high for one in found]) < 0.99


def test_a_single_round_resamples_its_runs():
    one = statistics.median(around(1.0, 0).reshape(1, -1))
    assert one.low < one.value < one.high
    assert statistics.median(np.full((1, 1), 4.0)) == statistics.Interval(4.0, 4.0, 4.0)
