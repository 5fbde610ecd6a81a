"""The table of tasks that train in ExecuTorch has a row for each task."""

from __future__ import annotations

from support.paths import ROOT

from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.utils.files import read_rows


def test_table_has_every_task():
    rows = read_rows(ROOT / "benchmarks" / "results" / "training_tasks.csv")
    assert [row["task"] for row in rows] == list(TASKS), "run python benchmarks/training_tasks.py"
