"""benchmarks/comparison.py: what is counted, timed and drawn, on made-up sounds."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from support.paths import ROOT
from support.runs import make_run
from support.scripts import imported
from torch import nn

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig

SUITE = """
[[task]]
name = "made-up"
source = "builtin:4"
label = "label"
group = "group"
folds = 3
"""


@pytest.fixture(scope="module")
def comparison() -> Iterator[ModuleType]:
    """The script, imported as it is run: with benchmarks/ on the path."""
    with imported("comparison") as (script,):
        yield script


class Recurrent(nn.Module):
    """Two LSTM layers over ten frames of four numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, num_layers=2, batch_first=True)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return self.lstm(wave[:, :40].reshape(-1, 10, 4))[0]


def test_recurrent_layers_are_counted(comparison):
    assert comparison.window_cost(Recurrent()) == 10 * 4 * 3 * (4 + 3 + 3 + 3)


def test_table_and_charts_of_a_small_suite(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "OTHERS", ("log-mel=logmel",))
    (tmp_path / "suite.toml").write_text(SUITE)
    run = make_run(tmp_path / "run", EncoderConfig(width=0.25, slice_frames=16))
    wanted = comparison.Comparison(
        tmp_path,
        ours=(f"first={run}",),
        out=tmp_path / "scores",
        csv=tmp_path / "t.csv",
        chart=tmp_path / "chart",
        suite=tmp_path / "suite.toml",
        rounds=2,
    )
    comparison.main(wanted)
    with wanted.csv.open(newline="") as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["log-mel", "random weights", "first", "first, full readout"]
    assert [row["ours"] for row in rows.values()] == ["False", "False", "True", "True"]
    own, everything = rows["first"], rows["first, full readout"]
    assert int(own["parameters"]) > 0 and own["bytes"] == str(4 * int(own["parameters"]))
    assert int(own["multiply_adds"]) > int(rows["log-mel"]["multiply_adds"]) > 0
    assert int(everything["dim"]) > int(own["dim"])
    assert all(float(row["p50_ms"]) > 0 for row in rows.values())
    with (tmp_path / "t_tasks.csv").open(newline="") as file:
        tasks = {(row["embedding"], row["task"]): row["accuracy"] for row in csv.DictReader(file)}
    assert {name: float(row["mean"]) for name, row in rows.items()} == {
        name: float(tasks[name, "made-up"]) for name in rows
    }
    for theme in ("light", "dark"):
        drawn = (tmp_path / f"chart-{theme}.svg").read_text()
        assert ">first<" in drawn and "kilobytes" in drawn
        assert "full readout" not in drawn  # its point would lie on that of the default readout


def test_ours_are_runs(comparison, monkeypatch):
    wanted = comparison.Comparison(ROOT, ours=("x=logmel",))
    monkeypatch.setattr(comparison, "OTHERS", ())
    with pytest.raises(UserError, match="--ours x: expected a run;"):
        comparison.opened(wanted)
