"""`tiny-audio-ssl export`: its words for users, and what it prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.made_once import made_once
from support.runs import make_run

from tiny_audio_ssl import cli
from tiny_audio_ssl.models.encoder_config import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import manifest


def words(text: str) -> str:
    return " ".join(text.split())


def test_no_run_is_an_error_that_says_what_to_type(capsys):
    for command in ("export", "export-training"):
        assert cli.run([command]) == 2
        assert f"tiny-audio-ssl {command} RUN" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "stream", "--max-batch", "2"], "--input stream can't be combined with"),
        (["--packet-ms", "80"], "add --input stream"),
        (["--data", "builtin:2"], "give both --max-probe-drop and --data"),
    ],
)
def test_options_that_exclude_or_miss_each_other(small_run, tmp_path, capsys, options, said):
    assert cli.run(["export", str(small_run), "--out", str(tmp_path / "out"), *options]) == 2
    assert said in words(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_several_runs_and_the_same_bytes_twice(small_run, small_export, tmp_path, capsys):
    """A run and a copy of it, one after the other in one process, and once more in another."""
    other = shutil.copytree(small_run, tmp_path / "other")
    options = ["--format", "executorch", "--precision", "int8", "--input", "mel", "--json"]
    options += ["--calibration-clips", "8", "--parity-clips", "8", "--out", str(tmp_path / "out")]
    options += ["--min-snr-db", "10"]  # of random weights
    assert cli.run(["export", str(small_run), str(other), *options]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ok"] for line in lines] == [True, True]
    first, second = tmp_path / "out" / small_run.name, tmp_path / "out" / "other"
    made = sorted(path.name for path in first.iterdir())
    assert made == ["MODEL_CARD.md", "encoder.mel.int8.pte", "manifest.json", "reference.json"]
    for name in made:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    artifact = "encoder.mel.int8.pte"
    assert (first / artifact).read_bytes() == (small_export.folder / artifact).read_bytes()


def test_operators_outside_the_delegate_are_named_with_their_share(tmp_path_factory, capsys):
    """XNNPACK has no group normalization."""
    run = made_once(
        tmp_path_factory,
        "group-norm-run",
        lambda folder: make_run(folder, EncoderConfig(width=0.25, norm="group"), 4),
    )
    options = ["--format", "executorch", "--precision", "fp32", "--input", "mel"]
    assert cli.run(["export", str(run), *options, "--parity-clips", "2"]) == 0
    told = words(capsys.readouterr().out)
    entry = manifest.read(Path(run) / "export")["artifacts"][0]
    shares = entry["operators"]["portable_time_share"]
    assert any("group_norm" in name for name in shares)
    assert all(0 < share < 1 for share in shares.values()) and 0 < sum(shares.values()) < 1
    for name in shares:
        assert f"{name} is outside the fast path" in told
    assert np.all(np.diff(list(shares.values())) <= 0)
