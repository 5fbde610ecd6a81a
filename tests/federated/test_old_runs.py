"""Federated runs that earlier versions made can be resumed."""

from __future__ import annotations

import pytest
from support.federated_grid import federate, records
from support.old_files import OLD_FILES, restore_run, share_of_near

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.client_log import CLIENTS
from tiny_audio_ssl.models import checkpoint

SETTINGS = {"norm": "frozen", "strategy": "fedadam", "rounds": 3, "resume": True}


def test_third_round_reaches_the_recorded_weights(tmp_path):
    """The version that made the first two rounds made the recorded third one, too."""
    run = restore_run("federated", tmp_path / "run")
    federation, _ = federate(run, **SETTINGS)
    assert federation.model.progress.taken_part == {str(index): 3 for index in range(4)}
    assert [one["step"] for one in records(run)] == [1, 2, 3]
    assert [one["round"] for one in records(run, CLIENTS)] == [3] * 4
    recorded = OLD_FILES / "expected" / "federated-step-3.safetensors"
    assert share_of_near(run / "last" / checkpoint.MODEL, recorded) > 0.98


def test_old_settings_are_compared(tmp_path):
    run = restore_run("federated", tmp_path / "run")
    with pytest.raises(UserError, match="strategy was 'fedadam' and is 'fedavg'"):
        federate(run, **{**SETTINGS, "strategy": "fedavg"})
