"""Protocols, models and the store, and the command over all of them."""

from __future__ import annotations

import csv
import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tiny_audio_ssl
from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing import protocols, scores
from tiny_audio_ssl.evaluation.probing.labelled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, open_model
from tiny_audio_ssl.evaluation.probing.protocols import (
    GRID,
    PROTOCOLS,
    evaluate,
    few_shot,
    knn,
    linear,
)
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import EncoderConfig
from tiny_audio_ssl.models.frontend import FrontendConfig


class Levels:
    """A model that tells three loudnesses apart, and counts what it is asked."""

    name, dim, identity = "levels", 3, "levels"

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, waves):
        self.asked += len(waves)
        loudness = np.abs(waves).mean(axis=1, keepdims=True)
        return np.exp(-(((loudness - [0.04, 0.08, 0.12]) / 0.02) ** 2)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Sixty noises of three loudnesses by twelve speakers, and one label that means nothing."""
    place = tmp_path_factory.mktemp("noises")
    rng = np.random.default_rng(0)
    with (place / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "level", "coin", "speaker"])
        for i in range(60):
            gain = 0.05 * (1 + i % 3)
            samples = 8_000 if i % 5 else 20_000
            noise = gain * rng.standard_normal(samples)
            soundfile.write(place / f"{i}.wav", noise, 16_000)
            writer.writerow([f"{i}.wav", f"level{i % 3}", rng.integers(2), f"s{i // 5}"])
    return place


@pytest.fixture
def levels(folder) -> OpenedTask:
    return open_task(
        EvaluationTask("levels", str(folder / "list.csv"), label="level", group="speaker")
    )


@pytest.fixture
def store(tmp_path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "cache")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    torch.manual_seed(3)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    model.frontend.fit([0.1 * torch.randn(4, 16_000)])
    target = tmp_path_factory.mktemp("run") / "checkpoint"
    checkpoint.save(target, model, run={"task": "none"}, progress={"step": 0})
    return target


# --- protocols --------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"few-shot-20"}))
def test_a_signal_is_found_and_a_coin_is_not(protocol, folder, store):
    for label, low, high in (("level", 0.95, 1.0), ("coin", 0.2, 0.75)):
        task = EvaluationTask(label, str(folder / "list.csv"), label=label, group="speaker")
        found = evaluate(Levels(), open_task(task), protocol, store)
        assert low <= found.accuracy <= high and len(found.folds) == 5
        assert found.task == label and found.model == "levels" and found.protocol == protocol


@pytest.mark.parametrize("protocol", [linear, knn, lambda x, task: few_shot(x, task, 3)])
def test_a_protocol_is_the_same_every_time_and_wants_no_scale(protocol, levels):
    x = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    x[:, 0] += levels.truth
    once, again, scaled = protocol(x, levels), protocol(x, levels), protocol(16 * x + 3, levels)
    for trial, same, other in zip(once[0], again[0], scaled[0], strict=True):
        assert np.array_equal(trial.predicted, same.predicted)
        assert np.mean(trial.predicted == other.predicted) > 0.9
    assert once[1] == again[1]


def test_c_is_chosen_without_the_test_part(levels):
    """The labels of what is tested may be anything; the choice and the fit stay the same."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 40)).astype(np.float32)
    x[:, 0] += 2 * levels.truth
    (one, *_) = levels.splits
    altered = levels.truth.copy()
    altered[one.test] = rng.permutation(altered[one.test])
    other = replace(levels, table=replace(levels.table, truth=altered))
    before, after = linear(x, levels), linear(x, other)
    assert str(before[1]["C"]).split(", ")[0] == str(after[1]["C"]).split(", ")[0]
    assert np.array_equal(before[0][0].predicted, after[0][0].predicted)


def test_the_chosen_c_suits_the_data(levels):
    rng = np.random.default_rng(2)
    noisy = rng.standard_normal((60, 200)).astype(np.float32)
    noisy[:, :20] += 0.7 * levels.truth[:, None]
    clear = np.eye(3, dtype=np.float32)[levels.truth] + 0.01 * noisy[:, :3]
    chosen = [
        [float(c) for c in str(linear(x, levels)[1]["C"]).split(", ")] for x in (noisy, clear)
    ]
    assert all(c in GRID for c in chosen[0]) and np.mean(chosen[0]) < GRID[-1]
    assert linear(clear, levels)[0][0].accuracy(levels.truth) == 1


def test_more_columns_than_rows_make_no_other_regression(levels):
    """`linear` turns such embeddings into fewer columns; plain scikit-learn does not."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((60, 300)).astype(np.float32)
    x[:, :5] += levels.truth[:, None]
    trials, details = linear(x, levels)
    for trial, one, c in zip(trials, levels.splits, str(details["C"]).split(", "), strict=True):
        plain = make_pipeline(StandardScaler(), LogisticRegression(C=float(c), max_iter=5000))
        plain.fit(x[one.train], levels.truth[one.train])
        assert np.mean(plain.predict(x[one.test]) == trial.predicted) > 0.9


def test_few_shots_are_drawn_from_the_training_part_anew_each_seed(levels, monkeypatch):
    x = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    drawn = []
    fit = protocols._regress
    monkeypatch.setattr(protocols, "_regress", lambda *a: drawn.append(a[2]) or fit(*a))
    trials, details = few_shot(x, levels, 2)
    assert [(t.fold, t.seed) for t in trials] == [(f, s) for f in range(5) for s in range(10)]
    assert details["seeds"] == 10
    for trial, one in zip(trials, drawn, strict=True):
        assert np.bincount(levels.truth[one.train]).tolist() == [2, 2, 2]
        assert set(one.train) <= set(levels.splits[trial.fold].train)
        assert not {levels.groups[i] for i in one.train} & {levels.groups[i] for i in trial.test}
    assert len({tuple(sorted(one.train)) for one in drawn[:10]}) == 10


def test_too_few_examples_for_few_shots_are_told(levels):
    x = np.zeros((60, 1), np.float32)
    with pytest.raises(UserError, match=r"'level\d' has 1\d examples .*few-shot-20 needs 20"):
        few_shot(x, levels, 20)


def test_an_unknown_protocol_is_told(levels, store):
    with pytest.raises(UserError, match="choose from linear, knn"):
        evaluate(Levels(), levels, "svm", store)


# --- models -----------------------------------------------------------------------------------


def test_log_mel_statistics_are_mean_and_deviation(rng):
    waves = 0.1 * torch.randn(2, 16_000, generator=rng)
    model = LogMelStatistics()
    logmel = model.model.frontend(waves)[:, 0]
    expected = torch.cat([logmel.mean(2), logmel.std(2, correction=0)], dim=1)
    np.testing.assert_allclose(model.embed(waves.numpy()), expected, rtol=1e-5)
    assert model.embed(np.zeros((1, 10), np.float32)).shape == (1, model.dim)


def test_random_weights_keep_the_front_end(run):
    trained, untrained = open_model(run), open_model(f"random:{run}")
    assert untrained.name == "random weights" and untrained.identity != trained.identity
    assert untrained.identity == open_model(f"random:{run}").identity
    own, other = trained.model.state_dict(), untrained.model.state_dict()
    assert all(torch.equal(own[k], other[k]) for k in own if k.startswith("frontend"))
    assert any(not torch.equal(own[k], other[k]) for k in own if k.startswith("encoder"))


def test_identity_knows_settings_that_the_weights_do_not_show(run):
    one, other = tiny_audio_ssl.load(run), tiny_audio_ssl.load(run)
    config = replace(one.model.encoder.config, slice_frames=20)
    other.model.encoder.config = config
    assert one.identity == tiny_audio_ssl.load(run).identity != other.identity


def test_weights_are_for_hear_modules():
    with pytest.raises(UserError, match="hear:package"):
        open_model("logmel", "weights.pt")


# --- store ------------------------------------------------------------------------------------


def test_a_second_time_computes_nothing(levels, store):
    first, second = Levels(), Levels()
    once = store.embeddings(first, levels.recordings, levels.contents)
    again = store.embeddings(second, levels.recordings, levels.contents)
    assert first.asked == 60 and second.asked == 0
    assert np.array_equal(once, again) and once.shape == (60, 3) and once.dtype == np.float32


def test_only_what_is_new_is_computed(levels, store):
    part = levels.recordings.select(range(20))
    store.embeddings(Levels(), part, levels.contents[:20])
    model = Levels()
    found = store.embeddings(model, levels.recordings, levels.contents)
    assert model.asked == 40
    fresh = EmbeddingStore(store.folder / "other").embeddings(
        Levels(), levels.recordings, levels.contents
    )
    np.testing.assert_allclose(found, fresh, rtol=1e-6)


def test_another_model_or_window_has_its_own(levels, store):
    store.embeddings(Levels(), levels.recordings, levels.contents)
    other = Levels()
    other.identity = "other"
    store.embeddings(other, levels.recordings, levels.contents)
    windowed = Levels()
    found = EmbeddingStore(store.folder, 0.25).embeddings(
        windowed, levels.recordings, levels.contents
    )
    assert other.asked == 60 and windowed.asked == 48 * 2 + 12 * 5
    halves = Levels().embed(levels.recordings.read(1).reshape(2, -1))
    np.testing.assert_allclose(found[1], halves.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_file_is_not_trusted(damage, levels, store):
    once = store.embeddings(Levels(), levels.recordings, levels.contents)
    (path,) = store.place(Levels()).glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-2] ^= 64
    path.write_bytes({"cut": content[:-40], "altered": content, "empty": b""}[damage])
    model = Levels()
    assert np.array_equal(store.embeddings(model, levels.recordings, levels.contents), once)
    assert model.asked == 60
    store.embeddings(model, levels.recordings, levels.contents)
    assert model.asked == 60  # and the file was mended


def test_embeddings_that_are_not_numbers_are_told_and_not_kept(levels, store):
    class Broken(Levels):
        def embed(self, waves):
            return np.full((len(waves), 3), np.nan, np.float32)

    with pytest.raises(UserError, match="60 recordings have NaN"):
        evaluate(Broken(), levels, "linear", store)
    assert not store.place(Broken()).exists()


def _embed_in_a_process(source: str, folder: Path, gate) -> None:
    labelled = open_task(EvaluationTask("levels", source, label="level"))
    gate.wait()
    EmbeddingStore(folder).embeddings(Levels(), labelled.recordings, labelled.contents)


def test_two_processes_write_at_once(folder, levels, store):
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    arguments = (str(folder / "list.csv"), store.folder, gate)
    other = context.Process(target=_embed_in_a_process, args=arguments)
    other.start()
    _embed_in_a_process(*arguments)
    other.join()
    assert other.exitcode == 0
    model = Levels()
    store.embeddings(model, levels.recordings, levels.contents)
    assert model.asked == 0


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def suite(folder, tmp_path) -> Path:
    target = tmp_path / "tasks.toml"
    target.write_text(
        '[[task]]\nname = "loudness"\nsource = "list.csv"\nlabel = "level"\ngroup = "speaker"\n'
        '[[task]]\nname = "coin"\nsource = "list.csv"\nlabel = "coin"\nfolds = 3\n'
    )
    return target


def test_a_suite_with_several_protocols(run, suite, folder, tmp_path, capsys):
    target = tmp_path / "results.json"
    arguments = ["probe", str(run), "--suite", str(suite), "--root", str(folder)]
    arguments += ["--protocols", "linear", "knn", "--out", str(target)]
    assert cli.run([*arguments, "--per-class"]) == 0
    printed = capsys.readouterr().out
    for text in ("loudness", "Mean over 2 tasks", "t over 5 folds", "knn", "confusion"):
        assert text in printed
    found = scores.read(target)
    assert {(s.task, s.model, s.protocol) for s in found} == {
        (task, model, protocol)
        for task in ("loudness", "coin")
        for model in (str(run), "random weights", "log-mel statistics")
        for protocol in ("linear", "knn")
    }
    assert min(s.accuracy for s in found if s.task == "loudness" and s.protocol == "linear") > 0.9


def test_other_models_beside_or_without_a_run(run, folder, capsys):
    data = ["--data", str(folder / "list.csv"), "--label", "level", "--group", "speaker"]
    options = [*data, "--json"]
    assert cli.run(["probe", "--model", "logmel", f"random:{run}", *options]) == 0
    results = json.loads(capsys.readouterr().out)
    assert [r["model"] for r in results] == ["log-mel statistics", "random weights"]
    (low, high), accuracy = results[0]["interval"], results[0]["accuracy"]
    assert low <= accuracy <= high and results[0]["clips"] == 60 and results[0]["classes"] == 3


def test_a_module_with_the_hear_api_beside_a_run(run, folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "loud_peer.py").write_text(
        "import torch\n"
        "def load_model(path):\n"
        "    model = torch.nn.Identity()\n"
        "    model.sample_rate, model.scene_embedding_size = 16000, 2\n"
        "    model.gain = float(open(path).read())\n"
        "    return model\n"
        "def get_scene_embeddings(audio, model):\n"
        "    loudness = model.gain * audio.abs().mean(1)\n"
        "    return torch.stack([loudness, loudness**2], 1)\n"
    )
    (tmp_path / "gain.txt").write_text("2.0")
    monkeypatch.syspath_prepend(tmp_path)
    data = ["--data", str(folder / "list.csv"), "--label", "level", "--no-baselines", "--json"]
    peer = ["--model", "hear:loud_peer", "--weights", str(tmp_path / "gain.txt")]
    assert cli.run(["probe", str(run), *peer, *data]) == 0
    own, other = json.loads(capsys.readouterr().out)
    assert own["model"] == str(run) and other["model"] == "hear:loud_peer"
    assert other["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "x.csv", "--suite", "y.toml"], "either --data"),
        ([], "either --data"),
        (["--data", "builtin:4", "--protocols", "svm"], "choose from linear, knn"),
        (["--data", "builtin:4", "--weights", "w.pt"], "1 --weights for 0 hear: models"),
        (["--data", "builtin:4", "--model", "logmel", "logmel"], "two models are called"),
        (["--data", "builtin:4", "--fold", "fold"], "no column 'fold'"),
        (["--data", "builtin:4", "--where", "label"], "COLUMN=VALUE"),
        (["--data", "builtin:6", "--protocols", "few-shot-20"], "few-shot-20 needs 20"),
    ],
)
def test_what_can_not_be_probed_is_told(options, said, run, capsys):
    assert cli.run(["probe", str(run), *options]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed and "Traceback" not in printed


def test_log_mel_statistics_on_real_recordings(real_audio, store):
    """ESC-10 by its official folds."""
    task = EvaluationTask(
        "ESC-10",
        str(real_audio / "esc50" / "meta.csv"),
        label="category",
        fold="fold",
        group="src_file",
        where=("esc10=TRUE",),
    )
    labelled = open_task(task)
    found = evaluate(open_model("logmel"), labelled, "linear", store)
    assert len(labelled) == 400 and len(found.folds) == 5
    assert 0.76 < found.accuracy < 0.84
    low, high = found.interval
    assert 0.6 < low < found.accuracy < high < 0.95
