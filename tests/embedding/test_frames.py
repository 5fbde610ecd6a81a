"""Frame features: the embedding of each window alone, at any hop, and the nearest timestamps."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.embedding import frames
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000
MODULE = """
import torch

class Model(torch.nn.Module):
    sample_rate = 16000
    scene_embedding_size = 1

def load_model(model_file_path=""):
    return Model()

def get_scene_embeddings(audio, model):
    return audio.mean(1, keepdim=True)
"""
TIMESTAMPS = """
def get_timestamp_embeddings(audio, model):
    times = torch.arange(0, audio.shape[1] / 16, 30.0)  # a hop of 30 ms
    return times[None, :, None].repeat(len(audio), 1, 2), times[None].repeat(len(audio), 1)
"""


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    torch.manual_seed(0)
    config = EncoderConfig(width=0.25, slice_frames=8, readout=("last", "middle", "mel"))
    return Embedder(checkpoint.build_model(FrontendConfig(), config))


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((2, RATE // 2))).astype(np.float32)


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = f"frames_{tmp_path.name}"

    def write(source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    yield write
    sys.modules.pop(name, None)


@pytest.mark.parametrize("hop_ms", [5.0, 10.0, 12.5, 40.0, 700.0])
@pytest.mark.parametrize("window_ms", [None, 45.0, 200.0])
def test_a_frame_is_the_embedding_of_its_window_alone(embedder, noise, hop_ms, window_ms):
    found, times = embedder.frames(noise, hop_ms, window_ms)
    hop = round(hop_ms * 16)
    assert found.dtype == np.float32
    assert found.shape == (2, -(-noise.shape[1] // hop), embedder.dim)
    np.testing.assert_allclose(times, hop_ms * np.arange(found.shape[1]))
    count = {None: 8, 45.0: 3, 200.0: 18}[window_ms]
    window = FrontendConfig().samples(count)
    padded = np.pad(noise, ((0, 0), (window // 2, window)))
    for k in {0, found.shape[1] // 2, found.shape[1] - 1}:
        alone = embedder.embed(padded[:, k * hop : k * hop + window])
        np.testing.assert_allclose(found[:, k], alone, rtol=1e-4, atol=1e-4)


def test_windows_in_parts_are_the_same(embedder, noise, monkeypatch):
    whole, _ = embedder.frames(noise, 20.0)
    monkeypatch.setattr(frames, "WINDOWS_AT_ONCE", 7)
    np.testing.assert_allclose(embedder.frames(noise, 20.0)[0], whole, rtol=1e-4, atol=1e-4)


def test_without_slices_a_window_is_the_usual_one():
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    assert frames.window_samples(model) == 15_600


@pytest.mark.parametrize("hop_ms", [0.0, -10.0, float("nan"), 0.01, "10"])
def test_no_hop(embedder, noise, hop_ms):
    with pytest.raises(UserError, match="hop_ms is"):
        embedder.frames(noise, hop_ms)


def test_wrong_waves(embedder):
    with pytest.raises(UserError, match=r"expected \[batch, samples\]"):
        embedder.frames(np.zeros(RATE, np.float32), 10.0)


def test_a_hear_module_gives_its_nearest_timestamps(module, noise):
    model = HearModel(module(MODULE + TIMESTAMPS))
    found, times = model.frames(noise, 10.0)
    assert found.shape == (2, 50, 2)
    np.testing.assert_allclose(times, 10.0 * np.arange(50))
    assert np.abs(found[0, :, 0] - times).max() <= 15
    np.testing.assert_array_equal(found[0, :8, 0], [0, 0, 30, 30, 30, 60, 60, 60])


def test_own_checkpoints_through_hear_have_the_same_frames(embedder, noise, tmp_path):
    checkpoint.save(tmp_path / "run", embedder.model, run={}, progress={})
    found, _ = HearModel("tiny_audio_ssl.hear", tmp_path / "run").frames(noise, 50.0)
    np.testing.assert_allclose(found, embedder.frames(noise, 50.0)[0], rtol=1e-4, atol=1e-4)


BAD = {
    "none": ("", "has no get_timestamp_embeddings, which frame features need"),
    "raises": ("raise ValueError('no')", "failed on .*no"),
    "one array": ("return audio", "failed|shapes"),
    "no times": ("return torch.zeros(2, 5, 3), torch.zeros(2, 4)", r"shapes \[2, 5, 3\] and"),
    "not ascending": ("return torch.zeros(2, 5, 3), torch.zeros(2, 5)", "do not ascend"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_timestamps(module, noise, bad):
    line, message = BAD[bad]
    function = f"def get_timestamp_embeddings(audio, model): {line}" if line else ""
    with pytest.raises(UserError, match=message):
        HearModel(module(MODULE + function)).frames(noise, 10.0)
