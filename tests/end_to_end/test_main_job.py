"""The whole way on real recordings: pre-train, probe, embed, export, run the artifact."""

from __future__ import annotations

import csv
import json

import numpy as np
import onnxruntime
import pytest

import tiny_audio_ssl
from tiny_audio_ssl import cli
from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import WINDOW_SAMPLES


@pytest.fixture(scope="module")
def manifest(real_audio, tmp_path_factory):
    """Three classes of ESC-10, with their official folds."""
    rows = list(csv.DictReader((real_audio / "esc50" / "meta.csv").open()))
    chosen = [row for row in rows if row["category"] in ("dog", "rain", "crying_baby")]
    target = tmp_path_factory.mktemp("real") / "list.csv"
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "category", "fold"])
        for row in chosen:
            path = (real_audio / "esc50" / row["filename"]).resolve()
            writer.writerow([path, row["category"], row["fold"]])
    return target


def test_from_recordings_to_an_artifact_that_runs(manifest, tmp_path, capsys):
    run = tmp_path / "run"
    options = ["--task", "audio2vec-cbow", "--steps", "30", "--batch-size", "16"]
    options += ["--encoder.width", "0.5"]
    assert cli.run(["pretrain", str(manifest), "--out", str(run), *options]) == 0

    capsys.readouterr()
    probe = ["probe", str(run), "--data", str(manifest), "--label", "category", "--fold", "fold"]
    assert cli.run([*probe, "--no-baselines", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["clips"] == 120 and result["accuracy"] > 0.6  # chance is a third

    forms = ["--input", "waveform", "--precision", "int8", "--parity-clips", "30"]
    assert cli.run(["export", str(run), *forms, "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert [a["parity"]["windows"] for a in exported["artifacts"]] == [30, 30]

    path = next(csv.DictReader(manifest.open()))["path"]
    window = audio.read(path)[:WINDOW_SAMPLES]
    session = onnxruntime.InferenceSession(str(run / "export" / "encoder.waveform.int8.onnx"))
    (embedding,) = session.run(["embedding"], {"waveform": window[None]})
    expected = tiny_audio_ssl.load(run).embed(window)
    cosine = embedding[0] @ expected / np.linalg.norm(embedding) / np.linalg.norm(expected)
    assert cosine > 0.95
