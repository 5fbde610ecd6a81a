"""benchmarks/quality.py: cells are trained once, and measured; one that fails is named."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest
from support.scripts import imported

from tiny_audio_ssl import UserError
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import TrainingConfig

SUITE = """
[[task]]
name = "made-up"
source = "builtin:2"
label = "label"
folds = 2
"""


@pytest.fixture(scope="module")
def quality() -> Iterator[ModuleType]:
    """The script, imported as it is run: with benchmarks/ on the path."""
    with imported("quality") as (script,):
        yield script


@pytest.fixture
def wanted(quality, tmp_path, monkeypatch):
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(SUITE)
    return quality.Quality(
        tmp_path,
        corpus="builtin:2",
        out=tmp_path / "out",
        csv=tmp_path / "quality.csv",
        suite=tmp_path / "suite.toml",
        tasks=("triplet", "autoencoder"),
        encoders=("mobile",),
        seeds=(0, 1),
        training=TrainingConfig(steps=1, batch_size=4),
        speech=False,
        supervised_folds=0,
        peers=False,
    )


def test_every_task_of_the_registry_is_a_method(quality):
    assert list(quality.METHODS)[: len(TASKS)] == list(TASKS)
    for method in quality.METHODS.values():
        assert method.task in TASKS
    assert set(quality.SETTINGS) <= set(TASKS)


def test_cells_seeds_and_averages(quality, wanted, monkeypatch):
    monkeypatch.setitem(quality.METHODS, "autoencoder", quality.Method("no-such-task"))
    quality.main(wanted)
    rows = list(csv.DictReader(wanted.csv.open(newline="")))
    found = [(row["embedding"], row["encoder"], row["seed"]) for row in rows]
    expected = [
        ("log-mel statistics", "", ""),
        ("log-mel statistics, all four", "", ""),
        ("random weights", "mobile", "0"),
        ("random weights", "mobile", "1"),
        ("triplet", "mobile", "0"),
        ("triplet", "mobile", "1"),
    ]
    assert found == [*expected, *expected]  # of the task, and of the average over it
    accuracies = {key: row["accuracy"] for key, row in zip(found, rows, strict=True)}
    assert all(float(accuracy) > 0.1 for accuracy in accuracies.values())
    # A second start trains nothing, and neither does one that is to measure only.
    monkeypatch.setattr(runs, "pretrain", None)
    wanted.csv.unlink()
    quality.main(replace(wanted, tasks=("triplet",), score_only=True))
    again = list(csv.DictReader(wanted.csv.open(newline="")))
    assert again == rows


def test_a_cell_that_fails_is_named(quality, wanted, monkeypatch, capsys):
    monkeypatch.setitem(quality.METHODS, "autoencoder", quality.Method("no-such-task"))
    quality.main(replace(wanted, tasks=("autoencoder",), seeds=(3,)))
    shown = capsys.readouterr().out
    assert "not finished: autoencoder, mobile, seed 3: pretext task 'no-such-task'" in shown


def test_unknown_task(quality, wanted):
    with pytest.raises(UserError, match="--tasks colla: not known; choose from temporal-gap"):
        quality.Bench(replace(wanted, tasks=("colla",)))
