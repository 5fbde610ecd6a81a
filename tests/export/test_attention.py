"""Artifacts of encoders that pool by attention agree with the model, offline and as a stream."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import exported_once
from support.runs import make_run

from tiny_audio_ssl.models.encoder_config import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export.exporter import ExportResult, export


@pytest.fixture(scope="session")
def attentive(tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    """A small encoder in int8, in both formats, for log-mels and as a stream."""

    def make(folder: Path) -> ExportResult:
        config = EncoderConfig("dense", width=0.25, pooling="attention", slice_frames=48)
        return export(
            make_run(folder, config), precision="int8", input=("mel", "stream"),
            calibration_clips=8, parity_clips=8, min_snr_db=10.0,  # of random weights
        )  # fmt: skip

    return exported_once(tmp_path_factory, "attentive", make)


def test_artifacts_agree_with_the_model(attentive):
    assert attentive.ok, [(a.path.name, a.parity) for a in attentive.artifacts]
    assert len(attentive.artifacts) == 4


def test_all_is_one_delegate(attentive):
    operators = [a.operators for a in attentive.artifacts if a.operators is not None]
    assert [(o.delegates, o.portable) for o in operators] == [(1, {}), (1, {})]
