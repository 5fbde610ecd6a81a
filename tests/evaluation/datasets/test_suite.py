"""Suites of tasks in TOML files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import EvaluationTask, task_corpus
from tiny_audio_ssl.evaluation.datasets.suite import read_suite, select_tasks
from tiny_audio_ssl.evaluation.probing.labeled import tabulate
from tiny_audio_ssl.evaluation.probing.splits import split
from tiny_audio_ssl.utils.files import sha256

SUITES = ROOT / "benchmarks" / "suites"


def suite(folder: Path, text: str) -> Path:
    path = folder / "suite.toml"
    path.write_text(text)
    return path


def test_a_suite(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = """
[[task]]
name = "days"
source = "labels.csv"
fold = "day"
where = ["loud=y"]

[[task]]
name = "made up"
source = "builtin:2"
group = "group"
folds = 3

[[task]]
name = "words"
source = "sc"
dataset = "speech-commands"
"""
    expected = [
        EvaluationTask("days", str(labels), fold="day", where=("loud=y",)),
        EvaluationTask("made up", "builtin:2", group="group", folds=3),
        EvaluationTask("words", str(labels.parent / "sc"), dataset="speech-commands"),
    ]
    assert read_suite(suite(labels.parent, text)) == expected
    elsewhere = suite(tmp_path_factory.mktemp("suites"), text)
    assert read_suite(elsewhere, labels.parent) == expected
    with pytest.raises(
        UserError, match=r"task 1 \(days\): .*labels\.csv does not exist; sources are"
    ):
        read_suite(elsewhere)


NAMED = '[[task]]\nname = "a"\nsource = "builtin"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found nothing"),
        ("[[tasks]]\nname = 1\n", "found tasks"),
        ('[task]\nname = "a"\n', r"expected \[\[task\]\] tables"),
        ("task = [1]\n", "expected a table"),
        ("[[task]\n", "not TOML"),
        (NAMED + "color = 1\n", "unknown key color; the keys are name, source, dataset, label,"),
        ('[[task]]\nname = "a"\n', "task 1: missing key source"),
        (NAMED + "folds = true\n", "folds is True, expected an integer"),
        (NAMED + 'folds = "5"\n', "folds is '5', expected an integer"),
        (NAMED + 'where = "a=b"\n', "where is 'a=b', expected a list of strings"),
        (NAMED + 'label = ""\n', "label is '', expected a non-empty string"),
        (NAMED + 'dataset = "esc50"\n', "'esc50' is unknown; choose from"),
        (NAMED + NAMED, "task 2: an earlier task is also named 'a'"),
    ],
)
def test_wrong_suites(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_suite(suite(tmp_path, text))


def test_a_missing_suite(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.toml: can't be read"):
        read_suite(tmp_path / "none.toml")


def test_the_small_suite_can_be_split(real_audio: Path) -> None:
    """Without decoding anything: files with the same bytes count as the same sound."""
    tasks = read_suite(SUITES / "small.toml", real_audio)
    assert len(tasks) == 10
    for task in tasks:
        corpus, filled = task_corpus(task)
        clips = [clip for clip in corpus.clips if clip.columns[filled.label].strip()]
        sounds = [f"{sha256(clip.path)} {clip.start_s} {clip.end_s}" for clip in clips]
        table = tabulate(clips, filled, np.unique(sounds, return_inverse=True)[1])
        splits = split(table, filled.folds, filled.seed)
        assert len(splits) == task.folds
        for one in splits:
            assert set(table.truth[one.test]) <= set(table.truth[one.train]), task.name


def test_one_task_or_a_suite(labels: Path) -> None:
    (task,) = select_tasks(labels, label="day", folds=2)
    assert task == EvaluationTask("day in labels.csv", str(labels), label="day", folds=2)
    (task,) = select_tasks("ESC", dataset="esc-10")
    assert (task.name, task.dataset) == ("esc-10", "esc-10")
    path = suite(labels.parent, NAMED)
    assert select_tasks(suite=path) == read_suite(path)
    for wrong in ({}, {"data": "x.csv", "suite": path}):
        with pytest.raises(UserError, match=r"either --data LABELS\.csv or --suite"):
            select_tasks(**wrong)
