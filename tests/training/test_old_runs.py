"""Runs begun at commit f4e3626 go on, to the weights that they would have reached then, up to
rounding: the layout of maps in memory has changed since, and with it the order of sums."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.old_files import OLD_FILES, restore_run, share_of_near

from tiny_audio_ssl.training import runs

EXPECTED = OLD_FILES / "expected"


@pytest.mark.parametrize(("name", "steps"), [("run", 8), ("distillation", 4)])
def test_resumed_run_reaches_the_recorded_weights(name: str, steps: int, tmp_path: Path):
    run = restore_run(name, tmp_path / name)
    assert runs.resume(run, progress=False).step == steps
    resumed = run / "last" / "model.safetensors"
    recorded = EXPECTED / f"{name}-step-{steps}.safetensors"
    assert share_of_near(resumed, recorded) > 0.98


def test_resumed_run_drops_metrics_behind_its_checkpoint(tmp_path: Path):
    """The old log holds steps beyond the checkpoint; the resumed run writes them again, once."""
    run = restore_run("run", tmp_path / "run")
    runs.resume(run, progress=False)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == [4, 8, 8]
