"""Recordings of a task: columns of its dataset, and conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import EvaluationTask, task_corpus


def test_a_task_may_name_other_columns(replicas: dict[str, Path]) -> None:
    root = str(replicas["nsynth-family"])
    task = EvaluationTask("source", root, "nsynth-family", label="instrument_str", fold="pitch")
    _, filled = task_corpus(task)
    assert filled == replace(task, group="instrument_str")  # and no official split
    _, filled = task_corpus(EvaluationTask("x", root, "nsynth-family", group="pitch"))
    assert (filled.label, filled.split, filled.group) == ("instrument_family_str", "split", "pitch")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((), "abcd"),
        (("day=1",), "ab"),
        (("day!=1",), "cd"),
        (("label!=",), "abc"),
        (("label=",), "d"),
        (("loud=y", "day!=2"), "a"),
    ],
)
def test_conditions_of_a_manifest(labels: Path, where: tuple[str, ...], expected: str) -> None:
    corpus, task = task_corpus(EvaluationTask("t", str(labels), where=where))
    assert "".join(clip.path.stem for clip in corpus.clips) == expected
    assert task.where == ()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("day", "expected COLUMN=VALUE or COLUMN!=VALUE"),
        ("=1", "expected COLUMN=VALUE"),
        ("night=1", "no column 'night'; the columns are: day, label, loud"),
        ("day=3", "no recording meets day=3; none is left after day=3"),
    ],
)
def test_conditions_that_nothing_meets(labels: Path, where: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        task_corpus(EvaluationTask("t", str(labels), where=(where,)))


def test_an_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'esc50' is unknown; choose from speech-commands, "):
        task_corpus(EvaluationTask("t", str(tmp_path), dataset="esc50"))
