"""The phones of `wav2vec-u` as an artifact: probabilities that sum to 1, equal to the model's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from support.exports import exported_once
from support.made_once import made_once
from support.runs import make_run
from support.tasks import PHONES

from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.wav2vec_u import Wav2vecUConfig
from tiny_audio_ssl.pretext.tasks.wav2vec_u import Wav2vecU
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.run_task import trained_product

CONFIG = Wav2vecUConfig(text=str(PHONES), size=16, hidden=8)


def make_phone_run(folder: Path) -> Path:
    """A run of `wav2vec-u` with random weights, and 16 recordings."""
    make_run(folder, EncoderConfig(width=0.25, slice_frames=8))
    loaded = checkpoint.load(folder)
    torch.manual_seed(0)
    task = Wav2vecU(CONFIG, loaded.model.encoder, FrontendConfig())
    settings = PretrainConfig("wav2vec-u", CONFIG, loaded.model.encoder.config)
    heads = {f"pretext.{name}": value for name, value in task.state_dict().items()}
    checkpoint.save(folder / "last", loaded.model, asdict(settings), {"step": 0}, heads)
    return folder


@pytest.fixture(scope="module")
def phone_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "phone-run", make_phone_run)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, phone_run: Path) -> ExportResult:
    def make(folder: Path) -> ExportResult:
        forms = {"format": ("onnx",), "input": ("waveform",)}
        return export(phone_run, folder, product="phones", parity_clips=4, **forms)

    return exported_once(tmp_path_factory, "phone-export", make)


def test_artifact_gives_the_models_probabilities(phone_run, exported):
    (artifact,) = exported.artifacts
    assert artifact.path.name == "phones.waveform.fp32.onnx" and exported.ok
    wave = 0.1 * np.random.default_rng(0).standard_normal((1, 15_600)).astype(np.float32)
    (found,) = open_outputs(artifact.path)(wave)
    loaded = checkpoint.load(phone_run)
    with torch.no_grad():
        logmel = loaded.model.frontend(torch.from_numpy(wave))
        expected = trained_product(loaded).module(logmel).numpy()
    assert found.shape == (1, 23, 8)
    np.testing.assert_allclose(found.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_manifest_names_the_phones_and_no_file(exported):
    text = (exported.folder / "manifest.json").read_text(encoding="utf-8")
    assert "AH D ER HH L OW T W" in text and str(PHONES) not in text
