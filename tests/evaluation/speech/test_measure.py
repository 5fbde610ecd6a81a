"""Frames of phones, models by name, and the command: tones that any features tell apart."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from support.runs import make_run

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.speech.abx import AbxConfig
from tiny_audio_ssl.evaluation.speech.features import phone_features
from tiny_audio_ssl.evaluation.speech.frame_models import open_frame_model, open_frame_models
from tiny_audio_ssl.evaluation.speech.measure import open_phones, phone_table, score_phones
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import config_class
from tiny_audio_ssl.training.runs import pretrain

RATE = 16_000


class Position:
    """Frames that say where they are, in ms, and how long the recording is."""

    name, identity = "position", "position"

    def frames(self, waves, hop_ms):
        times = np.arange(0, 1000 * waves.shape[1] / RATE, hop_ms)
        rows = np.stack([times, np.full(len(times), waves.shape[1])], axis=1)
        return np.repeat(rows[None].astype(np.float32), len(waves), axis=0), times


@pytest.fixture(scope="module")
def phones(tones, tmp_path_factory):
    return open_phones(tones / "tones.item", cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = EncoderConfig(width=0.25, slice_frames=6)
    return make_run(tmp_path_factory.mktemp("runs") / "first", config, recordings=4)


def test_frames_lie_between_onset_and_offset(phones):
    found = phone_features(Position(), phones.items, phones.recordings, 10.0)
    assert len(found.starts) == len(phones.items) == 36
    for i, item in enumerate(phones.items):
        times = found.frames[found.starts[i] : found.ends[i], 0]
        expected = np.arange(1000 * item.onset_s, 1000 * item.offset_s + 1, 10)
        np.testing.assert_allclose(times, expected, atol=1e-3)


def test_a_phone_without_a_frame(phones):
    short = [replace(phones.items[0], onset_s=0.011, offset_s=0.019)]
    with pytest.raises(UserError, match=r"take0: LOW from 0.011 to 0.019 s holds no frame, with"):
        phone_features(Position(), short, phones.recordings.select([0]), 10.0)


def test_features_that_are_not_finite(phones):
    class Broken(Position):
        def frames(self, waves, hop_ms):
            found, times = super().frames(waves, hop_ms)
            return np.nan * found, times

    with pytest.raises(UserError, match="position: frame features with NaN"):
        phone_features(Broken(), phones.items, phones.recordings, 10.0)


@pytest.mark.parametrize(("spec", "dim"), [("logmel", 64), ("mfcc", 39)])
def test_spectral_frames_are_centered_at_their_times(spec, dim):
    model = open_frame_model(spec)
    quiet = 1e-3 * np.random.default_rng(0).standard_normal((2, RATE // 2)).astype(np.float32)
    loud = quiet.copy()
    loud[1, 3200 - 16 : 3200 + 16] += 0.5  # 1 ms on either side of 200 ms
    for hop_ms, count in ((10.0, 50), (20.0, 25), (25.0, 20)):
        found, times = model.frames(loud, hop_ms)
        assert found.shape == (2, count, dim)
        np.testing.assert_allclose(times, hop_ms * np.arange(count))
        change = np.abs(found[1] - model.frames(quiet, hop_ms)[0][1]).max(axis=1)
        reach_ms = 14 + (0 if spec == "logmel" else 40) + hop_ms % 10  # deltas of deltas: 4 frames
        assert (change[np.abs(times - 200) > reach_ms] < 1e-3).all()
        assert change[np.abs(times - 200) < 10].min() > 1


def test_tones_are_told_apart(phones):
    config = AbxConfig(context="any")
    score = score_phones(open_frame_model("logmel"), phones, config=config, units=3)
    assert score.abx["within"].error < 0.02 and score.abx["across"].error < 0.02
    assert score.units.pnmi > 0.95
    nothing = score_phones(Position(), phones, config=config, units=3)
    assert nothing.units.pnmi < 0.5


def test_models_and_baselines(run):
    models = open_frame_models([run], ["hear:tiny_audio_ssl.hear"], [str(run)])
    names = [str(run), "hear:tiny_audio_ssl.hear", "random weights", "log-mel", "MFCC"]
    assert [model.name for model in models] == names
    assert len({model.identity for model in models}) == 5
    assert len(open_frame_models([run], ["logmel"], baselines=False)) == 2
    waves = np.random.default_rng(0).normal(0, 0.1, (1, RATE // 4)).astype(np.float32)
    own = open_frame_model(run, readout=("last",), window_ms=95.0)
    assert own.identity != open_frame_model(run, readout=("last",)).identity
    assert own.frames(waves, 50.0)[0].shape[1] == 5


def test_units_of_the_runs_own_task(phones, tmp_path):
    """Each is what the exported product gives for the slice; a run's other scores stay the same."""
    settings = config_class("vq-wav2vec")(entries=8)
    small = {"encoder": EncoderConfig(width=0.25), "batch_size": 4, "steps": 1}
    pretrain(
        "builtin:2", tmp_path / "run", task="vq-wav2vec", pretext=settings, progress=False, **small
    )
    model = open_frame_model(tmp_path / "run")
    wave = np.random.default_rng(0).normal(0, 0.1, (1, RATE // 2)).astype(np.float32)
    ids, _ = model.units.frames(wave, 2.5)
    assert set(np.unique(ids)) <= set(range(8))
    product, network = model.units.product, model.embedder.model
    expected = product.module(network.frontend(torch.from_numpy(wave)))[0].numpy()
    center, step = 760, 640  # samples: of a slice of 8 frames, and from one to the next
    chosen = (center + step * np.arange(len(expected))) // 40
    np.testing.assert_array_equal(ids[0, chosen], expected)
    score = score_phones(model, phones, 20.0, ["within"], AbxConfig(context="any"), units=3)
    assert score.own and 0 <= score.own.pnmi <= 1 and score.summary()["own_size"] <= 64
    table = Console(width=150)
    with table.capture() as capture:
        table.print(phone_table([score, replace(score, own=None)]))
    assert "PNMI of own units" in capture.get()


def test_tasks_without_units(run):
    assert open_frame_model(run).units is None and open_frame_model("tiny").units is None


def test_the_command(run, tones, capsys, tmp_path):
    given = ["probe-speech", str(run), "--items", str(tones / "tones.item"), "--units", "3"]
    given += ["--context", "any", "--hop-ms", "20", "--cache-dir", str(tmp_path)]
    assert cli.run([*given, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in rows] == [str(run), "random weights", "log-mel", "MFCC"]
    for row in rows:
        assert 0 <= row["abx_within"] < 0.5 and 0 <= row["abx_across"] < 0.5
        assert 0 <= row["pnmi"] <= 1 and row["size"] == 3
    assert cli.run([*given, "--no-baselines", "--speakers", "across"]) == 0
    shown = capsys.readouterr().out
    assert "ABX across speakers" in shown and "ABX within speakers" not in shown


def test_the_command_for_words(tones, capsys, tmp_path):
    given = ["probe-speech", "--model", "logmel", "--items", str(tones / "tones.item"), "--words"]
    given += ["--no-baselines", "--cache-dir", str(tmp_path)]
    assert cli.run([*given, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["model"] == "log-mel"
    for speaker in ("within", "across"):
        assert row[f"precision_{speaker}"] > 0.95 > 3 * row[f"chance_{speaker}"] - 0.1
    assert cli.run([*given, "--speakers", "across"]) == 0
    assert "same-different precision (chance: across 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["RUN"], "no phones given: --items names an .item file"),
        (["--items", "ITEMS"], "no run given; e.g. tiny-audio-ssl probe-speech RUN"),
        (["RUN", "--items", "ITEMS", "--hop-ms", "0"], "hop_ms is 0"),
        (["RUN", "--items", "ITEMS", "--units", "1"], "units is 1.0|units is 1"),
        (["RUN", "--items", "ITEMS", "--audio", "RUN"], "no recording of take0"),
        (["RUN", "--items", "ITEMS", "--hop-ms", "200"], "holds no frame, with one every 200 ms"),
    ],
)
def test_wrong_commands(run, tones, capsys, given, message):
    words = {"RUN": str(run), "ITEMS": str(tones / "tones.item")}
    assert cli.run(["probe-speech", *(words.get(word, word) for word in given)]) == 2
    assert re.search(message, capsys.readouterr().err.replace("\n", " "))
