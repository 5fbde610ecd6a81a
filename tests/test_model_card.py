"""Exports of several runs, the same bytes each time, with a card that says what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl import UserError, checkpoint, cli
from tiny_audio_ssl.encoders import EncoderConfig
from tiny_audio_ssl.probing import scores
from tiny_audio_ssl.probing.scores import Score, Trial

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from test_export import make_run

from tiny_audio_ssl.export import Card, export_run, manifest
from tiny_audio_ssl.export.card import MODEL_CARD, scores_of
from tiny_audio_ssl.export.heads import EMBEDDING


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "mine", EncoderConfig(width=0.25), 12)


def score(model: str, task: str = "ESC-10") -> Score:
    trials = [Trial(fold, 0, np.arange(4), np.array([0, 1, 0, fold % 2])) for fold in range(3)]
    return Score(task, model, "linear", ["a", "b"], np.array([0, 1, 0, 1]), trials)


def test_several_runs_and_the_same_bytes_twice(run, tmp_path, capsys):
    other = Path(shutil.copytree(run, tmp_path / "other"))
    options = ["--input", "mel", "--calibration-clips", "8", "--parity-clips", "2", "--json"]
    out = tmp_path / "out"
    assert cli.run(["export", str(run), str(other), "--out", str(out), *options]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["manifest"] for line in lines] == [
        str(out / "mine" / "manifest.json"),
        str(out / "other" / "manifest.json"),
    ]
    made = sorted(path.name for path in (out / "mine").iterdir())
    assert len(made) == 4 + len(("manifest.json", "reference.json", MODEL_CARD))
    for name in made:
        assert (out / "mine" / name).read_bytes() == (out / "other" / name).read_bytes(), name


def test_the_card_says_what_there_is(run, tmp_path):
    result = export_run(
        run,
        tmp_path / "out",
        ["onnx"],
        ["fp32"],
        ["mel"],
        parity_clips=4,
        card=Card("apache-2.0", (score("mine"),), latency=True),
    )
    text = (result.folder / MODEL_CARD).read_text()
    content = manifest.trusted(result.folder)
    assert text.startswith('---\nlicense: "apache-2.0"\n')
    assert content["licence"] == "apache-2.0"
    for said in (
        f"| parameters | {content['encoder']['parameters']:,} |",
        f"| encoder.mel.fp32.onnx | {content['artifacts'][0]['bytes'] / 1000:.0f} |",
        f" {content['artifacts'][0]['parity']['snr_db']:.1f} |",
        f"sha256 {checkpoint.load(run).sha256}",
        "| ESC-10 | linear | mine | 0.833",
        "| encoder.mel.fp32.onnx | onnxruntime |",
        "## Limits",
    ):
        assert said in text
    assert "## Heads" not in text and EMBEDDING in text.lower()
    assert str(tmp_path) not in text


def test_a_card_without_options_says_so(run, tmp_path):
    loaded = checkpoint.load(run)
    folder = export_run(run, tmp_path / "out", ["onnx"], ["fp32"], ["mel"], parity=False).folder
    text = (folder / MODEL_CARD).read_text()
    assert 'license: "unknown"' in text and "## Licence\n\nnot stated\n" in text
    assert "Not compared with the model." in text
    assert "| recordings | not stated |" in text and "corpus" not in loaded.run
    assert "## Probes" not in text and "## Latency" not in text


def test_probes_are_those_of_the_run(run, tmp_path):
    found = [score(str(run)), score("random weights"), score("runs/another")]
    assert [s.model for s in scores_of(found, run)] == ["mine", "random weights"]
    with pytest.raises(UserError, match="no result of"):
        scores_of(found, tmp_path)
    file = tmp_path / "scores.json"
    scores.write(file, found[1:])
    assert cli.run(["export", str(run), "--probes", str(file)]) == 2
