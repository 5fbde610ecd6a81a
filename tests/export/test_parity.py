"""Figures that compare embeddings."""

from __future__ import annotations

import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.export.parity import compare, compare_kinds


def test_the_signal_is_what_embeddings_do_not_share():
    expected = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert compare(expected, expected, 60.0).ok
    noisy = expected + 0.1 * torch.randn(50, 8, generator=torch.Generator().manual_seed(1))
    figures = compare(noisy + 100, expected + 100, 10.0)  # the common part does not count
    assert 18 < figures.snr_db < 22


def test_nan_and_a_single_window_are_no_agreement():
    expected = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert not compare(expected * torch.nan, expected, 10.0).ok
    with pytest.raises(UserError, match="at least 2"):
        compare(expected[:1], expected[:1], 10.0)


def test_the_ratio_is_that_of_the_learned_part():
    rng = torch.Generator().manual_seed(0)
    expected = torch.randn(20, 30, generator=rng)
    found = expected.clone()
    found[:, :10] += 0.1 * torch.randn(20, 10, generator=rng)
    assert 18 < compare(found, expected, 20.0, learned=10).snr_db < 22  # not the 25 dB of all
    found[:, 10:] += 10.0  # nor is a fault in the rest hidden
    assert compare(found, expected, 20.0, learned=10).snr_db < 0


def test_each_kind_of_sound_has_a_ratio_of_its_own():
    rng = torch.Generator().manual_seed(0)
    loud, quiet = torch.randn(20, 10, generator=rng), 0.1 * torch.randn(20, 10, generator=rng) + 5
    noise = 0.01 * torch.randn(20, 10, generator=rng)
    figures = compare_kinds({"own": (loud + noise, loud), "quiet": (quiet + noise, quiet)}, 20.0)
    assert 38 < figures.kinds_snr_db["own"] < 42
    assert 18 < figures.kinds_snr_db["quiet"] < 22  # what they share tells no sounds apart
    assert figures.kinds_snr_db["quiet"] < figures.snr_db < figures.kinds_snr_db["own"]
    assert figures.windows == 20
