"""Centralized training as the baseline, and the plot of both."""

from __future__ import annotations

from support.federated_grid import TINY, records

from tiny_audio_ssl.federated.centralized import FOLDER, train
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.plot import draw


def test_centralized_run_and_its_plot(plain_run, tmp_path):
    """The baseline has as many steps and metrics as the federated run, and both are plotted."""
    settings = {**TINY, "server_data": "builtin:6", "out": str(tmp_path / "run"), "rounds": 2}
    config = FederatedConfig(**settings, probe_every=2)
    seen: list[int] = []
    central = train(config, lambda number, values: seen.append(number))
    assert seen == [1, 2] and central.parent.parent == tmp_path / "run" / FOLDER
    (tmp_path / "run" / "metrics.jsonl").write_text((plain_run / "metrics.jsonl").read_text())
    assert draw(tmp_path / "run").read_bytes().startswith(b"\x89PNG")
    lines = records(central.parents[1])
    assert all(0 < line["validation/loss"] < 1 for line in lines) and "probe/accuracy" in lines[1]
