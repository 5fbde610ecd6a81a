"""One recording has one embedding: from a file, an array or HEAR, and at every length."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from tiny_audio_ssl import hear
from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding.embedder import Embedder, embed_all, embed_spans, spans
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.evaluation.probing.in_windows import InWindows
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000
LENGTHS = {
    "short": 300,
    "one window": WINDOW_SAMPLES,
    "longer": 5 * RATE,
    "long": 6 * RATE + 7,
    "very long": 20 * RATE + 1,
}


@pytest.fixture(autouse=True)
def _long_from_five_seconds(monkeypatch):
    monkeypatch.setattr("tiny_audio_ssl.embedding.long.LONGEST_PASS_S", 5.0)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25, slice_frames=32))


@pytest.fixture(params=LENGTHS)
def recordings(request, tmp_path):
    rng = np.random.default_rng(0)
    wave = 0.1 * rng.standard_normal(LENGTHS[request.param])
    wave[: len(wave) // 3] *= 0.05  # so that parts differ from the whole
    soundfile.write(tmp_path / "x.wav", wave, RATE)
    return open_cache(open_corpus(tmp_path / "x.wav"), tmp_path / "cache", 1, progress=False)


def test_same_embedding_by_every_door(model, recordings):
    embedder, wave = Embedder(model), recordings.read(0)
    by_file = embed_all(embedder, recordings)[0]
    by_span = np.concatenate(list(embed_spans(embedder, recordings, spans(recordings))))[0]
    by_array = embedder.embed(wave)
    in_batch = embedder.embed(np.stack([wave, wave]))[1]
    scene = hear.get_scene_embeddings(torch.from_numpy(wave)[None], hear.CheckpointModel(model))
    for found in (by_span, by_array, in_batch, scene[0].numpy()):
        np.testing.assert_allclose(found, by_file, rtol=1e-4, atol=1e-5)


def test_other_models_embed_files_and_arrays_alike(model, recordings):
    embedder, wave = Embedder(model), recordings.read(0)
    windows = InWindows(lambda x: embedder.embed(x), WINDOW_SAMPLES, embedder.dim, "windows", "")
    baseline = HearModel("tiny_audio_ssl.embedding.mel_statistics")
    for other in (windows, LogMelStatistics(), baseline):
        by_file = embed_all(other, recordings)[0]
        np.testing.assert_allclose(other.embed(wave[None])[0], by_file, rtol=1e-4, atol=1e-5)


def test_one_window_alone_is_the_whole(model, tmp_path):
    embedder = Embedder(model)
    wave = np.float32(0.1) * np.random.default_rng(1).standard_normal((1, WINDOW_SAMPLES))
    wave = wave.astype(np.float32)
    windows = InWindows(lambda x: embedder.embed(x), WINDOW_SAMPLES, embedder.dim, "windows", "")
    np.testing.assert_allclose(windows.embed(wave), embedder.embed(wave), rtol=1e-4, atol=1e-5)
