"""A simulation in processes of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.federated_grid import TINY, federate, saved_weights

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.simulate import simulate
from tiny_audio_ssl.models import checkpoint


def flower_homes() -> set[Path]:
    return set(Path("/tmp").glob("flwr-*"))


def test_simulation_reaches_the_weights_of_a_loop(tmp_path, monkeypatch):
    """Also without Flower's programs on PATH."""
    before = flower_homes()
    settings = {**TINY, "evaluate_every": 2, "dropout": 0.2, "encoding": "int8", "local_steps": 1}
    config = FederatedConfig(out=str(tmp_path / "simulated"), **settings)
    rounds: list[int] = []
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    folder = simulate(config, workers=1, report=lambda number, metrics: rounds.append(number))
    assert rounds == [1, 2] and flower_homes() == before
    federate(tmp_path / "loop", **settings)
    assert (folder / checkpoint.MODEL).read_bytes() == saved_weights(tmp_path / "loop")
    with pytest.raises(UserError, match="already holds a run"):
        simulate(config)
