"""The `finetune` command."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tiny_audio_ssl
from tiny_audio_ssl import cli
from tiny_audio_ssl.commands.finetune import Finetune
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.utils.claim import claimed


def test_command(run, tmp_path, capsys):
    suite = tmp_path / "suite.toml"
    task = '[[task]]\nname = "{}"\nsource = "builtin:4"\ngroup = "group"\nfolds = 2\n'
    suite.write_text(task.format("made-up sounds") + task.format("again"))
    quick = ["--steps", "2", "--batch-size", "8", "--max-folds", "1", "--json"]
    common = ["finetune", str(run), "--suite", str(suite), *quick]
    results, saved = tmp_path / "results.json", tmp_path / "saved"
    assert cli.run([*common, "--multi-head", "--out", str(results), "--save", str(saved)]) == 0
    told = capsys.readouterr()
    assert "encoder 1 of 1: made-up sounds, again" in told.err
    assert [found["protocol"] for found in json.loads(told.out)] == ["multi-head"] * 2
    assert [score.task for score in scores.read(results)] == ["made-up sounds", "again"]
    vector = tiny_audio_ssl.load(saved / "made-up-sounds+again").embed(np.zeros(16000))
    assert np.isfinite(vector).all()
    assert cli.run([*common, "--multi-head", "--from-scratch"]) == 2
    assert "drop --from-scratch" in capsys.readouterr().out
    assert cli.run([*common, "--from-scratch"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["protocol"] == "supervised"


def test_two_processes_into_one_folder(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Finetune, "_train", lambda *_: pytest.fail("trained"))
    command = ["finetune", str(run), "--data", "builtin:4", "--group", "group", "--folds", "2"]
    command += ["--save", str(tmp_path / "saved")]
    with claimed(tmp_path / "saved"):
        assert cli.run(command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "saved: in use by process" in said and "name another place with --save" in said
    assert not (tmp_path / "saved").exists()


def test_a_place_that_can_not_be_written_is_told_before_sounds_are_read(run, tmp_path, capsys):
    (tmp_path / "file").touch()
    command = ["finetune", str(run), "--data", "absent.csv", "--save", str(tmp_path / "file" / "x")]
    assert cli.run(command) == 2
    assert "cannot be written (Not a directory)" in " ".join(capsys.readouterr().err.split())
