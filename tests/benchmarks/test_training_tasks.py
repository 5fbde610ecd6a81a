"""The table of tasks that train in ExecuTorch: settings to try a task with, and its cells."""

from __future__ import annotations

import pytest
from support.paths import ROOT
from support.scripts import imported

from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.utils.files import read_rows

TABLE = ROOT / "benchmarks" / "results" / "training_tasks.csv"


@pytest.fixture(scope="module")
def scripts():
    with imported("training_tasks", "tables.cost") as found:
        yield found


def test_every_task_has_settings(scripts, task_name, tmp_path):
    script, _ = scripts
    found = script.settings_of(task_name, tmp_path)
    assert type(found) is PRETEXTS[task_name].Config


def test_cells_mark_operators_and_leave_reasons(scripts, monkeypatch):
    _, cost = scripts
    found = [
        {"task": "cola", "refused_by": ""},
        {"task": "hubert", "refused_by": "bmm softmax"},
        {"task": "byol-a", "refused_by": cost.CHANGES},
    ]
    monkeypatch.setattr(cost, "rows", lambda name: found)
    assert cost.training_tasks_table().splitlines()[2:] == [
        "| `cola` | yes |  |",
        "| `hubert` |  | `bmm`, `softmax` |",
        "| `byol-a` |  | changes after each step |",
    ]


def test_table_has_every_task(scripts):
    script, _ = scripts
    assert script.RESULTS == TABLE
    assert [row["task"] for row in read_rows(TABLE)] == list(TASKS), (
        "run python benchmarks/training_tasks.py"
    )
