"""Tasks that share an encoder never train on what another of them tests."""

from __future__ import annotations

import csv

import pytest

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.finetuning import protocols
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.together import compatible, training_parts
from tiny_audio_ssl.evaluation.probing.labeled import open_task


def test_nothing_tested_is_trained_on_by_another_task(speech):
    """Two tasks on the same files with folds drawn apart: each gives up what the other tests."""
    one = speech("emotion", seed=1)
    two = speech("emotion", name="other folds", seed=2)
    assert [len(model) for model in compatible([one, two])] == [2]
    for fold in range(2):
        tested = [set(task.splits[fold].test.tolist()) for task in (one, two)]
        assert tested[0] != tested[1]
        kept = training_parts([one, two], fold)
        for task, part, others in zip((one, two), kept, tested[::-1], strict=True):
            alone = set(task.splits[fold].train.tolist())
            assert set(part.tolist()) == alone - others < alone


def test_a_tested_speaker_is_unknown_to_the_other_tasks(speech):
    """The other task lists other files, but of the same speakers."""
    tested = speech("emotion", group="speaker", where=("half=0",))
    other = speech("emotion", name="second half", where=("half=1",))
    _, kept = training_parts([tested, other], 0)
    held_out = {tested.groups[i] for i in tested.splits[0].test}
    speakers = [clip.columns["speaker"] for clip in other.recordings.clips]
    alone = other.splits[0].train.tolist()
    assert kept.tolist() == [i for i in alone if speakers[i] not in held_out]
    assert 0 < len(kept) < len(alone)


def test_the_same_sound_under_another_name_is_known(speech, tmp_path):
    tested = speech("emotion")
    rows = []
    for i, clip in enumerate(tested.recordings.clips):
        (tmp_path / f"copy-{i}.wav").write_bytes(clip.path.read_bytes())
        rows.append([f"copy-{i}.wav", clip.columns["emotion"]])
    with (tmp_path / "copies.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], *rows])
    copies = open_task(EvaluationTask("copies", str(tmp_path / "copies.csv"), folds=3))
    for fold, split in enumerate(tested.splits):
        _, kept = training_parts([tested, copies], fold)
        assert set(kept.tolist()) == set(copies.splits[fold].train) - set(split.test.tolist())


def test_tasks_that_would_lose_classes_get_an_encoder_of_their_own(speech, model):
    speaker, emotion = speech("speaker"), speech("emotion", group="speaker")
    files = speech("emotion", name="files", folds=6)
    assert [
        [task.task.name for task in model] for model in compatible([speaker, emotion, files])
    ] == [["speaker", "files"], ["emotion"]]
    with pytest.raises(UserError, match="speaker would lose"):
        protocols.evaluate(model, [speaker, emotion], "multi-head", FinetuneConfig())
