"""MODEL_CARD.md says what the artifacts are, and nothing that is not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.scores import Fit, Score
from tiny_audio_ssl.models import checkpoint

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import manifest, model_card
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.export.exporter import add_latency
from tiny_audio_ssl.export.model_card import MODEL_CARD, scores_of


def score(model: str, task: str = "ESC-10") -> Score:
    trials = [Fit(fold, 0, np.arange(4), np.array([0, 1, 0, fold % 2])) for fold in range(3)]
    return Score(task, model, "linear", ["a", "b"], np.array([0, 1, 0, 1]), trials)


def test_the_card_says_what_there_is(small_run, small_export, tmp_path):
    content = {**manifest.trusted(small_export.folder), "license": "apache-2.0"}
    first = content["artifacts"][0]
    timed = {"artifact": first["file"], "runtime": "executorch", "p50_ms": 1.234, "p90_ms": 2.0}
    timed |= {"device": "a laptop", "threads": 1, "runs": 200}
    loaded = checkpoint.load(small_run)
    text = model_card.write(tmp_path, loaded, content, (score("mine"),), [timed]).read_text()
    assert text.startswith('---\nlicense: "apache-2.0"\n') and "## License\n\napache-2.0" in text
    for said in (
        f"| parameters | {content['encoder']['parameters']:,} |",
        f"| {first['file']} | {first['bytes'] / 1000:.0f} | {first['parity']['snr_db']:.1f} |",
        f"sha256 {loaded.sha256}",
        "| ESC-10 | linear | mine | 0.833",
        f"| {first['file']} | executorch | 1.23 | 2.00 |",
        "On a laptop, 1 thread, 200 runs",
        "## Limits",
    ):
        assert said in text
    assert "## Heads" not in text and str(tmp_path) not in text


def test_a_card_without_options_says_so(small_run, small_export):
    text = (small_export.folder / MODEL_CARD).read_text()
    assert 'license: "unknown"' in text and "## License\n\nnot stated\n" in text
    assert "| recordings | not stated |" in text and "corpus" not in checkpoint.load(small_run).run
    assert "## Probes" not in text and "## Latency" not in text


def test_latency_is_added_to_a_finished_export(small_run, export_copy):
    from tiny_audio_ssl.commands.export import _timed

    rows = _timed(export_copy / "encoder.mel.fp32.onnx")
    add_latency(small_run, export_copy, ExportConfig(), rows)
    text = (export_copy / MODEL_CARD).read_text()
    assert "| encoder.mel.fp32.onnx | onnxruntime |" in text
    manifest.trusted(export_copy)


def test_a_card_of_what_was_not_compared(small_run, small_export, tmp_path):
    content = manifest.trusted(small_export.folder)
    content["compared_on"] = []
    for entry in content["artifacts"]:
        entry["parity"] = None
    text = model_card.write(tmp_path, checkpoint.load(small_run), content).read_text()
    assert "Not compared with the model." in text


def test_probes_are_those_of_the_run(small_run, tmp_path):
    found = [score(str(small_run)), score("random weights"), score("runs/another")]
    named = Path(small_run).name
    assert [s.model for s in scores_of(found, small_run)] == [named, "random weights"]
    with pytest.raises(UserError, match="no result of"):
        scores_of(found, tmp_path)
    file = tmp_path / "scores.json"
    scores.write(file, found[1:])
    assert cli.run(["export", str(small_run), "--probes", str(file)]) == 2
