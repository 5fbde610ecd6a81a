from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import tiny_audio_ssl
from tiny_audio_ssl import cli
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation import finetuning
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.finetuning import (
    FinetuneConfig,
    LabelledPart,
    compatible,
    protocols,
    training_parts,
)
from tiny_audio_ssl.evaluation.finetuning.crops import Crops, all_windows
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import open_model
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import EncoderConfig
from tiny_audio_ssl.models.frontend import FrontendConfig
from tiny_audio_ssl.training.trainer import TrainingStoppedError

QUICK = FinetuneConfig(steps=2, batch_size=8, warmup_steps=0, max_folds=1)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A checkpoint: a narrow encoder, as it is drawn."""
    torch.manual_seed(7)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    folder = tmp_path / "run"
    checkpoint.save(folder, model, run={"task": "none"}, progress={"step": 0})
    return folder


@pytest.fixture
def model(run: Path) -> Embedder:
    return tiny_audio_ssl.load(run)


@pytest.fixture
def sounds() -> OpenedTask:
    return open_task(EvaluationTask("sounds", "builtin:8", group="group", folds=4))


@pytest.fixture
def speech(tmp_path: Path) -> Callable[..., OpenedTask]:
    """Tasks on noise by six speakers, four takes each: half of them angry, half calm."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(24):
        soundfile.write(tmp_path / f"{i}.wav", 0.1 * rng.standard_normal(4000), SAMPLE_RATE_HZ)
        rows.append([f"{i}.wav", f"s{i % 6}", "angry" if i // 6 % 2 else "calm", i // 12])
    _write(tmp_path / "speech.csv", ["path", "speaker", "emotion", "half"], rows)

    def task(label: str, **options: object) -> OpenedTask:
        given = {"name": label, "source": str(tmp_path / "speech.csv"), "label": label, "folds": 2}
        return open_task(EvaluationTask(**{**given, **options}))  # type: ignore[arg-type]

    return task


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.mark.parametrize("protocol", ["fine-tuning", "supervised"])
def test_learns_separable_sounds(model, sounds, protocol):
    config = replace(QUICK, steps=50, batch_size=16, window_ms=500.0, mixup=0.0)
    (score,) = finetuning.evaluate(model, [sounds], protocol, config)
    assert score.accuracy > 0.45  # chance: 0.125, on 16 sounds
    assert (score.protocol, score.details["folds"]) == (protocol, "1 of 4")
    assert scores.Score.from_dict(json.loads(json.dumps(score.to_dict()))).folds == score.folds


def test_multi_head_learns_each_task(model, sounds):
    two = replace(sounds, task=replace(sounds.task, name="again"))
    config = replace(QUICK, steps=30, batch_size=16, window_ms=500.0, mixup=0.0)
    both = finetuning.evaluate(model, [sounds, two], "multi-head", config)
    assert [score.task for score in both] == ["sounds", "again"]
    assert all(score.accuracy > 0.45 for score in both)
    assert both[0].details["one encoder with"] == "again"
    assert finetuning.total_steps([sounds, two], config) == 60


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
    finetuning.evaluate(model, [sounds], "supervised", config)

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
        finetuning.evaluate(model, [sounds], name, QUICK)
    tuned, untrained = begun
    assert all(torch.equal(tuned[k], given[k]) for k in given)
    weights = [k for k in given if k.endswith("weight") and given[k].ndim > 1]
    assert weights and not any(torch.equal(untrained[k], given[k]) for k in weights)
    assert not torch.equal(untrained["frontend.mean"], given["frontend.mean"])
    assert all(torch.equal(v, given[k]) for k, v in model.model.state_dict().items())


def test_one_seed_one_result(model, sounds):
    part = LabelledPart(sounds.recordings, sounds.truth, len(sounds.classes))

    def weights(seed: int) -> torch.Tensor:
        (start,) = [checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))]
        start.load_state_dict(model.model.state_dict())
        trained = finetuning.fit(start, [part], QUICK, seed)
        return torch.cat([p.flatten() for p in trained.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_useless_settings_stop_with_advice(model, sounds):
    for options, said in (
        ({"encoder_learning_rate": 1e30}, "smaller"),
        ({"batch_size": 1}, "--batch-size"),
        ({"window_ms": 10.0}, "window_ms"),
    ):
        kind = TrainingStoppedError if said == "smaller" else UserError
        with pytest.raises(kind, match=said):
            config = replace(QUICK, gradient_clip=1e30, steps=4, **options)
            finetuning.evaluate(model, [sounds], "fine-tuning", config)
    for name in ("steps", "max_folds"):
        with pytest.raises(UserError, match=name):
            replace(QUICK, **{name: 0})


# --- crops and windows ----------------------------------------------------------------------


@pytest.fixture
def ramps(tmp_path: Path) -> Recordings:
    """Recordings of 500, 1000 and 2500 samples that say at each sample where they are."""
    for i, samples in enumerate((500, 1000, 2500)):
        wave = (np.arange(samples) + 1) / 4096  # 16-bit audio holds these exactly
        soundfile.write(tmp_path / f"{i}.wav", wave, SAMPLE_RATE_HZ)
    return open_cache(open_corpus(tmp_path))


def test_crops_are_of_the_recording_and_zeros_follow_a_short_one(ramps):
    crops = Crops(LabelledPart(ramps, np.array([5, 6, 7]), 8), samples=1000, size=3, seed=0)
    waves, labels = crops.step(0)
    assert sorted(labels.tolist()) == [5, 6, 7]  # each recording once before one comes again
    assert torch.equal(crops.step(0)[0], waves)
    rows = dict(zip(labels.tolist(), waves, strict=True))
    ramp = torch.arange(1, 2501) / 4096
    assert torch.equal(rows[5], torch.cat([ramp[:500], torch.zeros(500)]))
    assert torch.equal(rows[6], ramp[:1000])
    starts = set()
    for step in range(20):
        waves, labels = crops.step(step)
        wave = waves[labels.tolist().index(7)]
        starts.add(start := round(float(wave[0]) * 4096) - 1)
        assert torch.equal(wave, ramp[start : start + 1000])
    assert len(starts) > 10


def test_windows_cover_the_whole_recording(ramps):
    ((waves, clips),) = all_windows(ramps, 1000)
    assert clips.tolist() == [0, 1, 2, 2, 2]
    starts = (waves[:, 0] * 4096 - 1).round().int().tolist()
    assert starts == [0, 0, 0, 1000, 1500]  # the last ends with the recording
    assert not waves[0, 500:].any()


def test_prediction_averages_the_logits_of_windows(ramps):
    class ByPlace(finetuning.Classifier):
        """Says 1 strongly for a window that begins at 1500, weakly 0 for any other."""

        def logits(self, head, waves):
            late = waves[:, 0] * 4096 > 1500
            return torch.stack([(~late).float(), 5 * late.float()], dim=1)

    narrow = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    classifier = ByPlace(narrow, [2])
    config = FinetuneConfig(window_ms=62.5)  # 1000 samples
    assert finetuning.predict(classifier, 0, ramps, config).tolist() == [0, 0, 1]


# --- several tasks, one encoder -------------------------------------------------------------


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
    _write(tmp_path / "copies.csv", ["path", "label"], rows)
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
        finetuning.evaluate(model, [speaker, emotion], "multi-head", QUICK)


def test_a_task_with_fewer_folds_is_tested_once_and_goes_on_training(speech, model):
    two, three = speech("emotion"), speech("emotion", name="three", folds=3)
    found = finetuning.evaluate(model, [two, three], "multi-head", replace(QUICK, max_folds=None))
    assert [len(score.trials) for score in found] == [2, 3]
    (part, _) = training_parts([two, three], 2)
    tested = set(three.splits[2].test.tolist())
    assert set(part.tolist()) == set(two.splits[0].train.tolist()) - tested
    assert 0 < found[0].details["share of the training part"] < 1
    assert found[0].details["followed by zeros"] == 1  # 0.25 s in windows of 0.975 s


# --- saving, the command --------------------------------------------------------------------


def test_saved_encoder_is_a_checkpoint(model, sounds, tmp_path):
    finetuning.save(tmp_path / "tuned", model, [sounds], "fine-tuning", QUICK)
    found = checkpoint.load(tmp_path / "tuned")
    assert found.run["classes"] == {"sounds": sounds.classes}
    assert found.run["from"] == model.sha256
    heads = checkpoint.load_training(found.folder)
    assert heads["heads.0.weight"].shape == (8, model.dim)
    wave = sounds.recordings.read(0)
    vector = tiny_audio_ssl.load(tmp_path / "tuned").embed(wave)
    assert vector.shape == (model.dim,)
    assert not np.allclose(vector, model.embed(wave))
    probed = evaluate(open_model(tmp_path / "tuned"), sounds, "knn", EmbeddingStore(tmp_path))
    assert len(probed.folds) == 4


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
