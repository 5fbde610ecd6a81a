"""Fine-tuning, supervised and multi-head training: what they learn, read, start from and save."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_audio_ssl
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.evaluation.finetuning import protocols
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.together import training_parts
from tiny_audio_ssl.evaluation.probing import protocols as probing
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.models import open_model
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models import checkpoint

QUICK = FinetuneConfig(steps=2, batch_size=8, warmup_steps=0, max_folds=1)


@pytest.mark.parametrize("protocol", ["fine-tuning", "supervised"])
def test_learns_separable_sounds(model, sounds, protocol):
    config = replace(QUICK, steps=50, batch_size=16, window_ms=500.0, mixup=0.0)
    (score,) = protocols.evaluate(model, [sounds], protocol, config)
    assert score.accuracy > 0.45  # chance: 0.125, on 16 sounds
    assert (score.protocol, score.details["folds"]) == (protocol, "1 of 4")
    assert scores.Score.from_dict(json.loads(json.dumps(score.to_dict()))).folds == score.folds


def test_multi_head_learns_each_task(model, sounds):
    two = replace(sounds, task=replace(sounds.task, name="again"))
    config = replace(QUICK, steps=30, batch_size=16, window_ms=500.0, mixup=0.0)
    both = protocols.evaluate(model, [sounds, two], "multi-head", config)
    assert [score.task for score in both] == ["sounds", "again"]
    assert all(score.accuracy > 0.45 for score in both)
    assert both[0].details["one encoder with"] == "again"
    assert protocols.total_steps([sounds, two], config) == 60


def test_training_never_reads_what_is_tested(model, sounds, monkeypatch):
    read: list[Path] = []
    seen: dict[str, list[set[Path]]] = {"fit": [], "predict": []}
    original = Recordings.read

    def spy(self, index, *args):
        read.append(self.clips[index].path)
        return original(self, index, *args)

    def noting(name):
        does = getattr(protocols, name)

        def wrapped(*args):
            found = does(*args)
            seen[name].append(set(read))  # for `fit`, with what the front-end was fitted on
            read.clear()
            return found

        return wrapped

    monkeypatch.setattr(Recordings, "read", spy)
    for name in seen:
        monkeypatch.setattr(protocols, name, noting(name))
    config = replace(QUICK, steps=6, batch_size=8, max_folds=None)
    protocols.evaluate(model, [sounds], "supervised", config)

    def paths(indices):
        return {sounds.recordings.clips[i].path for i in indices}

    assert seen["fit"] == [paths(split.train) for split in sounds.splits]
    assert seen["predict"] == [paths(split.test) for split in sounds.splits]


def test_begins_with_the_checkpoints_weights_and_leaves_them(model, sounds, monkeypatch):
    given = {k: v.clone() for k, v in model.model.state_dict().items()}
    begun = []
    fit = protocols.fit

    def spy(started, *args):
        begun.append({k: v.clone() for k, v in started.state_dict().items()})
        return fit(started, *args)

    monkeypatch.setattr(protocols, "fit", spy)
    for name in ("fine-tuning", "supervised"):
        protocols.evaluate(model, [sounds], name, QUICK)
    tuned, untrained = begun
    assert all(torch.equal(tuned[k], given[k]) for k in given)
    weights = [k for k in given if k.endswith("weight") and given[k].ndim > 1]
    assert weights and not any(torch.equal(untrained[k], given[k]) for k in weights)
    assert not torch.equal(untrained["frontend.mean"], given["frontend.mean"])
    assert all(torch.equal(v, given[k]) for k, v in model.model.state_dict().items())


def test_a_task_with_fewer_folds_is_tested_once_and_goes_on_training(speech, model):
    two, three = speech("emotion"), speech("emotion", name="three", folds=3)
    found = protocols.evaluate(model, [two, three], "multi-head", replace(QUICK, max_folds=None))
    assert [len(score.fits) for score in found] == [2, 3]
    (part, _) = training_parts([two, three], 2)
    tested = set(three.splits[2].test.tolist())
    assert set(part.tolist()) == set(two.splits[0].train.tolist()) - tested
    assert 0 < found[0].details["share of the training part"] < 1
    assert found[0].details["followed by zeros"] == 1  # 0.25 s in windows of 0.975 s


def test_saved_encoder_is_a_checkpoint(model, sounds, tmp_path):
    protocols.save(tmp_path / "tuned", model, [sounds], "fine-tuning", QUICK)
    found = checkpoint.load(tmp_path / "tuned")
    assert found.run["classes"] == {"sounds": sounds.classes}
    assert found.run["from"] == model.sha256
    heads = checkpoint.load_training(found.folder)
    assert heads["heads.0.weight"].shape == (8, model.dim)
    wave = sounds.recordings.read(0)
    vector = tiny_audio_ssl.load(tmp_path / "tuned").embed(wave)
    assert vector.shape == (model.dim,)
    assert not np.allclose(vector, model.embed(wave))
    probed = probing.evaluate(
        open_model(tmp_path / "tuned"), sounds, "knn", EmbeddingStore(tmp_path)
    )
    assert len(probed.folds) == 4
