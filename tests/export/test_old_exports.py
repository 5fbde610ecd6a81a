"""Exports made before the move to format version 3 still verify, open and train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.export.training.on_device_trainer import OnDeviceTrainer
from tiny_audio_ssl.export.verify import verify

OLD = Path(__file__).parents[1] / "data" / "f4e3626"


@pytest.mark.parametrize("name", ["export", "stream", "training"])
def test_verify_passes(name):
    result = verify(OLD / name)
    assert result.problems == ()
    assert manifest.trusted(OLD / name)["format_version"] == 2


def test_a_stream_opens():
    (file,) = (OLD / "stream").glob("*.onnx")
    found = list(Stream.open(file).push(np.zeros(16_000, np.float32)))
    assert found and found[0].start_sample == 0


def test_a_training_artifact_takes_a_step():
    trainer = OnDeviceTrainer(OLD / "training")
    rng = torch.Generator().manual_seed(0)
    clips = 0.1 * torch.randn(trainer.batch_size, 48_000, generator=rng)
    assert trainer.step(trainer.draw(clips, rng)) > 0
