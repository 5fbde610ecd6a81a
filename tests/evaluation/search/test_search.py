"""A search: references first, no choice by tested recordings, the same table after a kill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.search import search
from tiny_audio_ssl.evaluation.search.proposals import references
from tiny_audio_ssl.evaluation.search.search import SearchConfig, choosing_part, unseen
from tiny_audio_ssl.evaluation.search.trials import best, read
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.configs.weights import format_weights
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.utils.claim import claimed

CONFIG = SearchConfig(
    "builtin:4",
    ("temporal-gap", "audio2vec-skipgram"),
    encoder=EncoderConfig(width=0.25),
    training=TrainingConfig(steps=4, batch_size=8, log_every=1, checkpoint_every=1),
)
PROBE = EvaluationTask("made-up sounds", "builtin:4", group="group", folds=2)
COMMAND = [
    *("search", "builtin:4", "--data", "builtin:4", "--group", "group", "--folds", "2"),
    *("--tasks", "temporal-gap", "audio2vec-skipgram", "--encoder.width", "0.25"),
    *("--steps", "4", "--batch-size", "8", "--log-every", "1", "--checkpoint-every", "1"),
]


def rows(folder):
    """The table, without what depends on the clock."""
    return [replace(row, train_s=0.0) for row in read(folder)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A search of four trials that nothing happened to."""
    folder = tmp_path_factory.mktemp("search") / "straight"
    assert cli.run([*COMMAND, "--out", str(folder), "--trials", "4"]) == 0
    return folder


def test_single_tasks_and_equal_weights_come_first(straight):
    found = rows(straight)
    assert [row.weights for row in found[:3]] == references(CONFIG.tasks)
    assert found[3].weights not in references(CONFIG.tasks)
    for row in found:
        assert 0 <= row.validation.low <= row.validation.accuracy <= row.validation.high <= 1
        assert 0 <= row.test.accuracy <= 1 and row.steps == 4 and not row.note
        run = straight / "trials" / f"{row.number:03d}"
        assert checkpoint.load(run).run["pretext"]["weights"] == row.weights
    assert all(row.train_s > 0 for row in read(straight))


def test_a_killed_search_goes_on_to_the_same_table(straight, tmp_path):
    """SIGKILL amid the second trial: the first is not done again, the second is gone on with."""
    folder = tmp_path / "killed"
    command = [*COMMAND, "--out", str(folder), "--trials", "3"]
    program = [sys.executable, "-m", "tiny_audio_ssl.cli", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(program, env=environment, stderr=subprocess.DEVNULL)
    second = folder / "trials" / "001" / "last"
    while not second.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(read(folder)) == 1
    first = folder / "trials" / "000" / "last" / checkpoint.MODEL
    written = first.stat().st_mtime_ns

    assert cli.run(command) == 0
    assert rows(folder) == rows(straight)[:3]
    assert first.stat().st_mtime_ns == written

    assert cli.run([*COMMAND, "--out", str(folder), "--trials", "4"]) == 0  # and one more
    assert rows(folder) == rows(straight)


def test_the_answer_is_what_to_type(straight, capsys):
    assert cli.run([*COMMAND, "--out", str(straight), "--trials", "4"]) == 0
    printed = capsys.readouterr().out
    chosen = best(read(straight))
    weights = " ".join(format_weights(chosen.weights))
    (line,) = [line for line in printed.splitlines() if "tiny-audio-ssl pretrain" in line]
    words = line.partition("tiny-audio-ssl ")[2].split()
    assert f"--task combined --pretext.weights {weights} " in " ".join(words)
    found = cli.parse(words)
    assert found.pretext.weights == chosen.weights
    assert found.training == CONFIG.training and found.encoder == CONFIG.encoder
    assert "best single task" in printed and "best combination" in printed
    for name in ("temporal-gap", "audio2vec-skipgram", "validation", "test"):
        assert name in printed


def test_other_settings_are_another_search(straight, capsys):
    command = [*COMMAND, "--out", str(straight), "--learning-rate", "0.5"]
    assert cli.run(command) == 2
    said = capsys.readouterr().err
    assert "holds a search with other settings" in said and "--out" in said
    assert len(read(straight)) == 4


@pytest.mark.parametrize("group", [None, "training"])
def test_search_of_a_newer_version_is_not_continued(group, tmp_path):
    search._keep_settings(tmp_path, CONFIG, [])
    file = tmp_path / "settings.json"
    content = json.loads(file.read_text())
    content["versions"]["tiny-audio-ssl"] = "9.9.9"
    (content[group] if group else content)["from_the_future"] = 1
    file.write_text(json.dumps(content))
    (tmp_path / "trials.csv").write_text("trial\n")
    name = f"{group}.from_the_future" if group else "from_the_future"
    with pytest.raises(UserError, match=f"{name} not known, written by tiny-audio-ssl 9.9.9; this"):
        search.search(CONFIG, [], tmp_path, 1)


def test_what_is_chosen_by_is_never_tested():
    labeled = open_task(PROBE)
    tested = {int(i) for one in unseen(labeled).splits for i in one.test}
    inner = choosing_part(labeled).splits
    assert inner and tested
    seen = {int(i) for one in inner for i in np.concatenate([one.train, one.test])}
    assert not seen & tested
    groups = np.array(labeled.groups)
    assert not set(groups[sorted(seen)]) & set(groups[sorted(tested)])


def test_training_that_stops_is_a_row_and_no_number(tmp_path, monkeypatch):
    real = search.runs.pretrain

    def stop(source, run, config, **kw):
        real(source, run, config, **kw)
        if list(config.pretext.weights) == ["temporal-gap"]:
            raise search.TrainingStoppedError("the loss is nan")

    monkeypatch.setattr(search.runs, "pretrain", stop)
    found = search.search(CONFIG, [open_task(PROBE)], tmp_path, 4)
    assert found[0].note == "the loss is nan"
    assert found[0].validation is None and found[0].test is None
    assert best(found) is not found[0]
    assert read(tmp_path)[0].validation is None
    with (tmp_path / "trials.csv").open() as file:
        assert next(csv.DictReader(file))["validation/accuracy"] == ""


def test_two_searches_in_one_folder(tmp_path):
    with claimed(tmp_path), pytest.raises(UserError, match="in use by process"):
        search.search(CONFIG, [], tmp_path, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tasks", "temporal-gap"], "at least two"),
        (["--tasks", "temporal-gap", "temporal-gap"], "each once"),
        (["--tasks", "temporal-gap", "rotnet"], "choose from temporal-gap, audio2vec-cbow"),
        (["--tasks", "temporal-gap", "combined"], "can't combine 'combined'"),
    ],
)
def test_bad_tasks(options, said, tmp_path, capsys):
    command = ["search", "builtin:2", "--data", "builtin:2", "--out", str(tmp_path / "x")]
    assert cli.run([*command, *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "x").exists()
