"""An artifact is probed like a run."""

from __future__ import annotations

import numpy as np
import pytest
from support.runs import WINDOW, chord

from tiny_audio_ssl import UserError

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export.artifact_model import open_model
from tiny_audio_ssl.export.exporter import export


def test_an_artifact_embeds_as_its_run_does(small_run, tmp_path):
    options = {"format": "onnx", "precision": "fp32", "input": "waveform", "parity": False}
    (made,) = export(small_run, tmp_path / "export", **options).artifacts
    artifact, model = open_model(made.path), open_model(small_run)
    window = chord(50, 1.0)[:WINDOW].astype(np.float32)
    np.testing.assert_allclose(artifact.embed(window[None]), model.embed(window[None]), atol=1e-4)
    long = np.concatenate([window, window])
    np.testing.assert_allclose(artifact.embed(long[None]), artifact.embed(window[None]), atol=1e-4)
    assert artifact.embed(window[None, :5000]).shape == (1, artifact.dim)


def test_other_models_open_as_ever_and_weights_are_not_for_artifacts(small_export):
    assert open_model("logmel").name == "log-mel statistics"
    path = small_export.folder / "encoder.mel.fp32.onnx"
    with pytest.raises(UserError, match="returns embeddings; beside it are none"):
        open_model(path)
    with pytest.raises(UserError, match="--weights are for hear"):
        open_model(path, "weights.pt")
