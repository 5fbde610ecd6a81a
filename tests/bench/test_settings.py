"""Settings: runs are spread over rounds, and nonsense is refused."""

from __future__ import annotations

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.settings import TimingSettings


def test_runs_are_rounded_up_to_whole_rounds():
    assert TimingSettings(runs=200).shape == (10, 20)
    assert TimingSettings(runs=25).shape == (10, 3)
    assert TimingSettings(runs=3).shape == (3, 1)
    with pytest.raises(UserError, match="rounds is 0; expected"):
        TimingSettings(rounds=0)
