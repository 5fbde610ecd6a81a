"""Figures that compare embeddings."""

from __future__ import annotations

import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.export.parity import compare


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
