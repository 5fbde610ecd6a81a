"""The log of a run: what TensorBoard reads of it, and what a full disk makes of it."""

from __future__ import annotations

import json
import resource

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tiny_audio_ssl import UserError
from tiny_audio_ssl.training.metrics_log import MetricsLog


def shown(run):
    """Return the scalars that TensorBoard shows, by name: steps and values."""
    board = EventAccumulator(str(run / "tensorboard"))
    board.Reload()
    names = board.Tags()["scalars"]
    return {name: [(event.step, event.value) for event in board.Scalars(name)] for name in names}


def test_tensorboard_shows_each_step_once_also_after_a_break(tmp_path):
    with MetricsLog(tmp_path, 0, 4, show=False) as log:
        for step in (1, 2, 3):
            log.write(step, {"train/loss": 0.5 * step, "train/spread": 1.0})
    with MetricsLog(tmp_path, 2, 4, show=False) as log:  # resumed from a checkpoint of step 2
        log.write(3, {"train/loss": 8.0})
    assert shown(tmp_path)["train/loss"] == [(1, 0.5), (2, 1.0), (3, 8.0)]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


def test_a_full_disk_is_told_in_words_and_the_log_goes_on_later(tmp_path, capfd):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(UserError, match="no space left"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
        try:
            with MetricsLog(tmp_path, 0, 500, show=False) as log:
                for step in range(1, 500):
                    log.write(step, {"train/loss": 1.0})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Traceback" not in capfd.readouterr().err
    with MetricsLog(tmp_path, 10, 500, show=False) as log:
        log.write(11, {"train/loss": 2.0})
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 11
    assert shown(tmp_path)["train/loss"][-1] == (11, 2.0)
