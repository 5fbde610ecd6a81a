"""Reference clips: whole-number arithmetic that any language can repeat."""

from __future__ import annotations

import numpy as np
import pytest

from tiny_audio_ssl.export import reference


def test_reference_clips_are_the_same_everywhere():
    """Against the formula in whole numbers of any size, as an app would write it."""

    def sample(seed: int, n: int) -> int:
        full = 2**32 - 1
        h = 2654435761 * (n + 1000003 * seed) & full
        h = 2246822519 * (h ^ (h >> 15)) & full
        total = ((h ^ (h >> 16)) >> 19) - 4096
        for k in range(3):
            phase = n * (13421773 * (3 * k + seed + 1) + 9697 * (k + 1) * n) & full
            total += (abs((phase >> 16) - 32768) - 16384) // 4
        return total

    for seed in reference.SEEDS:
        found = reference.pcm(seed, 15_600)
        assert found.tolist() == [sample(seed, n) for n in range(15_600)]
        assert found.min() >= -16_384 and found.max() < 16_384 and found.std() > 3000
    assert not np.array_equal(reference.pcm(0, 100), reference.pcm(1, 100))


@pytest.mark.parametrize(("learned_dim", "found"), [(4, True), (None, False), (0, False)])
def test_exact_mel_statistics_do_not_hide_other_weights(learned_dim, found):
    rng = np.random.default_rng(0)
    learned, mel = 0.01 * rng.normal(size=(3, 4)), rng.normal(size=(3, 12))
    limits = {"min_snr_db": 40.0, "max_score_error": 0.02}
    expected = {"limits": limits, "outputs": {"embedding": np.hstack([learned, mel]).tolist()}}
    now = np.hstack([0.9 * learned, mel]).astype(np.float32)
    assert bool(reference.differences({"embedding": now}, expected, learned_dim)) is found
