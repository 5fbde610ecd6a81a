"""Learning curves from the log of a run."""

from __future__ import annotations

from tiny_audio_ssl.report.runs import read_curves


def test_curves_of_a_killed_run(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 10, "train/loss": 1.5, "train/spread": 0.5, "speed/clips_per_s": 9}\n'
        '{"step": 20, "train/loss": NaN}\n[1]\n{"step": 30, "train/lo'
    )
    assert read_curves(path) == {"train/loss": [(10, 1.5)], "train/spread": [(10, 0.5)]}
    assert read_curves(tmp_path / "none.jsonl") == {}
