"""The `probe` command, and the library function behind it."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from support.levels import Levels

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.probing import heads, scores
from tiny_audio_ssl.evaluation.probing import probe as library
from tiny_audio_ssl.evaluation.probing.probe import probe


def test_the_example_of_the_docstring():
    assert doctest.testmod(library) == (0, 2)


def test_probe_from_python(run, folder, tmp_path):
    labels = {"data": folder / "list.csv", "label": "level", "group": "speaker"}
    found = probe([run, Levels()], **labels, protocols=["knn"], cache_dir=tmp_path)
    assert [(s.model, s.protocol) for s in found] == [
        (name, "knn") for name in (str(run), "levels", "random weights", "log-mel statistics")
    ]
    assert found[1].accuracy > 0.9
    (alone,) = probe(Levels(), **labels, baselines=False, window_s=0.25, cache_dir=tmp_path)
    assert alone.protocol == "linear" and alone.accuracy > 0.9
    with pytest.raises(UserError, match="svm is unknown"):
        probe("logmel", **labels, protocols=["svm"])
    with pytest.raises(UserError, match="two models are named levels"):
        probe([Levels(), Levels()], **labels)


def test_several_encoders_have_a_baseline_each(run, tmp_path):
    other = library.open_model(run)
    other.name = "other"
    same = library.baselines_of([library.open_model(run), other])
    assert [m.name for m in same] == ["random weights", "log-mel statistics"]
    assert library.baselines_of([*same, other]) == []  # nothing that is there already


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
        (["--data", "builtin:2", "--protocols", "svm"], "svm is unknown; choose from linear, knn"),
        (["--data", "builtin:2", "--weights", "w.pt"], "1 --weights for 0 hear: models"),
        (["--data", "builtin:2", "--model", "logmel", "logmel"], "two models are named"),
        (["--data", "builtin:2", "--fold", "fold"], "no column 'fold'"),
        (["--data", "builtin:2", "--where", "label"], "COLUMN=VALUE"),
        (["--data", "builtin:2", "--folds", "2", "--protocols", "few-shot-20"], "needs 20"),
    ],
)
def test_wrong_options_are_explained(options, said, run, capsys):
    assert cli.run(["probe", str(run), *options]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed and "Traceback" not in printed


def test_heads_are_saved(run, suite, folder, tmp_path, capsys):
    data = ["--suite", str(suite), "--root", str(folder), "--no-baselines", "--json"]
    assert cli.run(["probe", str(run), *data, "--save-head", str(tmp_path / "heads")]) == 0
    assert "3 labels of 60 clips" in capsys.readouterr().err
    head = heads.read(tmp_path / "heads" / "loudness.safetensors")
    assert head.labels == ("level0", "level1", "level2") and head.accuracy > 0.9
    for options, said in (
        (["--save-head", "a.safetensors"], "one file for 2 tasks"),
        (["--save-head", "a b.safetensors"], "name the file of a head after its task"),
        (["--save-head", "x", "--protocols", "knn"], "linear among the --protocols"),
    ):
        assert cli.run(["probe", str(run), *data, *options]) == 2
        assert said in json.loads(capsys.readouterr().out)["error"]
