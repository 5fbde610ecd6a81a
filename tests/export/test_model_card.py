"""Exports of several runs, the same bytes each time, with a card that says what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.scores import Fit, Score
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from support.runs import make_run

from tiny_audio_ssl.export import Card, manifest
from tiny_audio_ssl.export.model_card import MODEL_CARD, scores_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "mine", EncoderConfig(width=0.25), 12)


@pytest.fixture(scope="module")
def out(run: Path) -> Path:
    """Exports of the run and of a copy of it, one after the other by one command."""
    other = shutil.copytree(run, run.parent / "other")
    options = ["--precision", "int8", "--input", "mel", "--calibration-clips", "8"]
    options += ["--parity-clips", "2", "--out", str(run.parent / "out")]
    assert cli.run(["export", str(run), str(other), *options]) == 0
    return run.parent / "out"


def score(model: str, task: str = "ESC-10") -> Score:
    trials = [Fit(fold, 0, np.arange(4), np.array([0, 1, 0, fold % 2])) for fold in range(3)]
    return Score(task, model, "linear", ["a", "b"], np.array([0, 1, 0, 1]), trials)


def test_several_runs_and_the_same_bytes_twice(out):
    made = sorted(path.name for path in (out / "mine").iterdir())
    artifacts = ["encoder.mel.int8.onnx", "encoder.mel.int8.pte"]
    assert made == [MODEL_CARD, *artifacts, "manifest.json", "reference.json"]
    for name in made:
        assert (out / "mine" / name).read_bytes() == (out / "other" / name).read_bytes(), name


def test_the_card_says_what_there_is(run, out, tmp_path):
    folder = Path(shutil.copytree(out / "mine", tmp_path / "export"))
    content = manifest.trusted(folder)
    card = Card("apache-2.0", (score("mine"),), latency=True)
    text = card.write(folder, checkpoint.load(run), content).read_text()
    assert text.startswith('---\nlicense: "apache-2.0"\n') and "## Licence\n\napache-2.0" in text
    first = content["artifacts"][0]
    for said in (
        f"| parameters | {content['encoder']['parameters']:,} |",
        f"| {first['file']} | {first['bytes'] / 1000:.0f} | {first['parity']['snr_db']:.1f} |",
        f"sha256 {checkpoint.load(run).sha256}",
        "| ESC-10 | linear | mine | 0.833",
        "| encoder.mel.int8.onnx | onnxruntime |",
        "## Limits",
    ):
        assert said in text
    assert "## Heads" not in text and str(tmp_path) not in text


def test_a_card_without_options_says_so(run, out):
    text = (out / "mine" / MODEL_CARD).read_text()
    assert 'license: "unknown"' in text and "## Licence\n\nnot stated\n" in text
    assert "| recordings | not stated |" in text and "corpus" not in checkpoint.load(run).run
    assert "## Probes" not in text and "## Latency" not in text
    assert manifest.trusted(out / "mine")["licence"] == "not stated"


def test_a_card_of_what_was_not_compared(run, out, tmp_path):
    content = manifest.trusted(out / "mine")
    content["compared_on"] = []
    for entry in content["artifacts"]:
        entry["parity"] = None
    text = Card().write(tmp_path, checkpoint.load(run), content).read_text()
    assert "Not compared with the model." in text


def test_probes_are_those_of_the_run(run, tmp_path):
    found = [score(str(run)), score("random weights"), score("runs/another")]
    assert [s.model for s in scores_of(found, run)] == ["mine", "random weights"]
    with pytest.raises(UserError, match="no result of"):
        scores_of(found, tmp_path)
    file = tmp_path / "scores.json"
    scores.write(file, found[1:])
    assert cli.run(["export", str(run), "--probes", str(file)]) == 2
