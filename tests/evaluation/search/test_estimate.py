"""The estimate of workers from labels alone, and the command that prints it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.search.estimate import estimate, pretrain_command
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.pase import PSEUDO_LABELS, PaseConfig
from tiny_audio_ssl.utils.files import read_rows

TASK = EvaluationTask("made-up sounds", "builtin:8", group="group", folds=2)
COMMAND = ["search", "builtin:8", "--data", "builtin:8", "--group", "group", "--folds", "2"]


@pytest.fixture(scope="module")
def opened():
    return open_task(TASK)


@pytest.fixture(scope="module")
def found(opened):
    return estimate([opened], FrontendConfig())


def test_every_worker_is_estimated(found):
    assert set(found.dependence) == set(PSEUDO_LABELS)
    values = list(found.dependence.values())
    assert values == sorted(values) and values[0] > 0
    assert sum(found.weights.values()) == pytest.approx(1, abs=0.01)
    assert set(PaseConfig(weights=found.weights).weights) <= set(PSEUDO_LABELS)


def test_only_the_training_part_is_heard(opened, found):
    heard = set()

    class Listening:
        samples = opened.recordings.samples

        def read(self, index, start, samples):
            heard.add(index)
            return opened.recordings.read(index, start, samples)

    again = estimate([replace(opened, recordings=Listening())], FrontendConfig())
    assert again == found and heard <= set(opened.splits[0].train.tolist())


def test_classes_without_three_recordings_are_refused(opened):
    few = replace(opened.splits[0], train=opened.splits[0].train[:1])
    with pytest.raises(UserError, match="no class has 3 recordings to train on"):
        estimate([replace(opened, splits=[few])], FrontendConfig())


def test_the_command(found, tmp_path, capsys):
    command = [*COMMAND, "--estimate", "--out", str(tmp_path)]
    assert cli.run([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["worker"]: row["dependence"] for row in rows} == found.dependence
    written = read_rows(tmp_path / "estimate.csv")
    assert [row["worker"] for row in written] == list(found.dependence)
    np.testing.assert_allclose(
        [float(row["weight"]) for row in written],
        [found.weights.get(row["worker"], 0) for row in written],
    )
    assert cli.run(command) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "pretrain builtin:8 --task pase --pretext.weights" in shown
    assert "--pretext.weights" in pretrain_command("builtin:8", found)
    assert not (tmp_path / "trials").exists()
