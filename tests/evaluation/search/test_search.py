"""A search over tasks and weights: its references, its honesty, and what a kill leaves."""

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
from tiny_audio_ssl.evaluation import search
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labelled import open_task
from tiny_audio_ssl.evaluation.search import SearchConfig, choosing_part, unseen
from tiny_audio_ssl.evaluation.search.proposals import LEVELS, propose, references, scaled
from tiny_audio_ssl.evaluation.search.table import Figure, Trial, best, read, write
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.combined_config import format_weights
from tiny_audio_ssl.training.config import TrainingConfig

TASKS = ("temporal-gap", "audio2vec-cbow", "triplet")
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


def trial(number, weights, accuracy, test=0.5):
    return Trial(number, weights, 10, 1.0, Figure(accuracy, 0.0, 1.0), Figure(test, 0.0, 1.0))


def rows(folder):
    """The table, without what depends on the clock."""
    return [replace(row, train_s=0.0) for row in read(folder)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A search of four trials that nothing happened to."""
    os.environ["TINY_AUDIO_SSL_CACHE"] = str(tmp_path_factory.getbasetemp() / "cache")
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
    command = [*COMMAND, "--out", str(folder), "--trials", "4"]
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
    assert rows(folder) == rows(straight)
    assert first.stat().st_mtime_ns == written

    assert cli.run(command) == 0  # nothing is left to do
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
    assert "best alone" in printed and "best combined" in printed
    for name in ("temporal-gap", "audio2vec-skipgram", "validation", "test"):
        assert name in printed


def test_other_settings_are_another_search(straight, capsys):
    command = [*COMMAND, "--out", str(straight), "--learning-rate", "0.5"]
    assert cli.run(command) == 2
    said = capsys.readouterr().err
    assert "holds a search with other settings" in said and "--out" in said
    assert len(read(straight)) == 4


def test_what_is_chosen_by_is_never_tested():
    labelled = open_task(PROBE)
    tested = {int(i) for one in unseen(labelled).splits for i in one.test}
    inner = choosing_part(labelled).splits
    assert inner and tested
    seen = {int(i) for one in inner for i in np.concatenate([one.train, one.test])}
    assert not seen & tested
    groups = np.array(labelled.groups)
    assert not set(groups[sorted(seen)]) & set(groups[sorted(tested)])


def test_training_that_stops_is_a_row_and_no_number(tmp_path, monkeypatch):
    real = search.runs.pretrain

    def stop(source, run, config, **kw):
        real(source, run, config, **kw)
        if list(config.pretext.weights) == ["temporal-gap"]:
            raise search.TrainingStopped("the loss is nan")

    monkeypatch.setattr(search.runs, "pretrain", stop)
    found = search.search(CONFIG, [open_task(PROBE)], tmp_path, 4)
    assert found[0].note == "the loss is nan"
    assert found[0].validation is None and found[0].test is None
    assert best(found) is not found[0]
    assert read(tmp_path)[0].validation is None
    with (tmp_path / "trials.csv").open() as file:
        assert next(csv.DictReader(file))["validation/accuracy"] == ""


def test_two_searches_in_one_folder(tmp_path):
    with search._alone(tmp_path), pytest.raises(UserError, match="another search is at work"):
        search.search(CONFIG, [], tmp_path, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tasks", "temporal-gap"], "two or more"),
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


def test_proposals_are_new_repeatable_and_scaled():
    done = [trial(i, w, 0.5 + 0.01 * i) for i, w in enumerate(references(TASKS))]
    for number in range(len(done), 16):
        weights = propose(done, TASKS, seed=0)
        assert weights == propose(done, TASKS, seed=0)
        assert max(weights.values()) == 1 and set(weights.values()) <= set(LEVELS[1:])
        assert weights not in [t.weights for t in done]
        done.append(trial(number, weights, 0.5))
    others = {json.dumps(propose(done[:8], TASKS, seed)) for seed in range(5)}
    assert len(others) > 1


def test_proposals_follow_what_does_well():
    """Accuracy falls with the weight of one task: most later proposals have little of it."""
    tasks = ("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram", "triplet")
    done = []
    for number in range(25):
        weights = propose(done, tasks, seed=1)
        done.append(trial(number, weights, 1 - weights.get("triplet", 0.0)))
    late = [t.weights.get("triplet", 0.0) for t in done[15:]]
    drawn = [t.weights.get("triplet", 0.0) for t in done[5:10]]
    assert np.mean(late) < 0.25 and np.mean(late) < np.mean(drawn)


def test_nothing_left_to_try():
    tasks = TASKS[:2]
    done = []
    while weights := propose(done, tasks, seed=0):
        done.append(trial(len(done), weights, 0.5))
    # 1:0, 0:1, and the ratios 1, 4, 16 either way
    assert len({json.dumps(t.weights, sort_keys=True) for t in done}) == len(done) == 7
    assert scaled({"a": 0.0, "b": 1 / 16, "c": 1 / 4}) == {"b": 1 / 4, "c": 1.0}


def test_of_equals_the_earliest_is_best(tmp_path):
    found = [trial(0, {"triplet": 1.0}, 0.7), trial(1, {"triplet": 1.0, "temporal-gap": 1.0}, 0.7)]
    assert best(found) is found[0] and best([]) is None
    write(tmp_path, TASKS, found)
    assert read(tmp_path) == found
