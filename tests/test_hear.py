"""The rules of HEAR 2021: those that its validator checks, and those that its page states."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError, hear
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding import frames
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000
ENCODERS = {
    "slices": EncoderConfig(width=0.25, slice_frames=32),
    "whole": EncoderConfig("separable", width=0.5),
    "paper": EncoderConfig("separable", width=0.5, pooling="max", readout=("last",)),
}


@pytest.fixture(scope="module", params=ENCODERS)
def run(request, tmp_path_factory):
    torch.manual_seed(0)
    model = checkpoint.build_model(FrontendConfig(), ENCODERS[request.param])
    folder = tmp_path_factory.mktemp("runs") / request.param
    checkpoint.save(folder, model, run={}, progress={})
    return folder


@pytest.fixture(scope="module")
def model(run):
    return hear.load_model(str(run))


def noise(sounds: int, seconds: float) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return 2 * torch.rand(sounds, int(seconds * RATE), generator=rng) - 1


# --- hearvalidator 2021.0.2, check for check --------------------------------------------------


def test_load_model(model):
    assert isinstance(model, torch.nn.Module)


def test_sample_rate(model):
    assert model.sample_rate in [16000, 22050, 44100, 48000]


def test_embedding_sizes(model):
    assert isinstance(model.scene_embedding_size, int)
    assert isinstance(model.timestamp_embedding_size, int)


def test_timestamp_embeddings(model):
    embeddings, timestamps = hear.get_timestamp_embeddings(noise(16, 2.0), model)
    assert embeddings.dtype == torch.float32
    assert embeddings.shape[0] == 16
    assert embeddings.shape[:2] == timestamps.shape
    assert embeddings.shape[2] == model.timestamp_embedding_size
    interval = torch.diff(timestamps)
    assert interval.float().mean() <= 50.0
    assert torch.all(torch.abs(interval - interval.float().mean()) < 1e-3)


def test_scene_embeddings(model):
    embeddings = hear.get_scene_embeddings(noise(8, 3.74), model)
    assert embeddings.dtype == torch.float32
    assert embeddings.shape == (8, model.scene_embedding_size)


# --- https://hearbenchmark.com/hear-api.html --------------------------------------------------


def test_repeatable(model):
    audio = noise(2, 1.0)
    before = audio.clone()
    first, _ = hear.get_timestamp_embeddings(audio, model)
    again, _ = hear.get_timestamp_embeddings(audio, model)
    assert torch.equal(first, again) and torch.equal(audio, before)
    scenes = [hear.get_scene_embeddings(audio, model) for _ in range(2)]
    assert torch.equal(*scenes)


def test_loaded_twice_is_the_same(model, run):
    audio = noise(2, 1.0)
    other = hear.load_model(str(run))
    scenes = [hear.get_scene_embeddings(audio, m) for m in (model, other)]
    assert torch.equal(*scenes)


def test_batched_equals_single(model):
    audio = noise(3, 1.3)
    together, times = hear.get_timestamp_embeddings(audio, model)
    scenes = hear.get_scene_embeddings(audio, model)
    for i in range(3):
        alone, own_times = hear.get_timestamp_embeddings(audio[i : i + 1], model)
        assert torch.equal(own_times[0], times[i])
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-4)
        scene = hear.get_scene_embeddings(audio[i : i + 1], model)[0]
        torch.testing.assert_close(scene, scenes[i], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 159, 800, 801, 12_345, 5 * RATE])
def test_timestamps_in_ms_within_the_audio(model, samples):
    embeddings, timestamps = hear.get_timestamp_embeddings(noise(2, 5.0)[:, :samples], model)
    assert embeddings.isfinite().all() and timestamps.dtype == torch.float32
    assert timestamps[:, 0].tolist() == [0, 0]
    assert (timestamps.diff() == 50).all()
    duration_ms = 1000 * samples / RATE
    assert (timestamps < duration_ms).all()
    assert duration_ms - timestamps[0, -1] <= 50  # nothing at the end is left out


def test_timestamps_are_the_centers_of_their_windows(model):
    """Change sound farther than half a window from a timestamp: its embedding must stay."""
    quiet = 0.01 * noise(1, 4.0)
    burst = quiet.clone()
    burst[0, 2 * RATE - 400 : 2 * RATE + 400] *= 100  # 25 ms on either side of 2000 ms
    embeddings, timestamps = hear.get_timestamp_embeddings(torch.cat([quiet, burst]), model)
    change = (embeddings[0] - embeddings[1]).abs().amax(dim=1)
    changed = change > 0.01 * change.max()
    half_ms = 1000 * model.window / RATE / 2
    distance_ms = (timestamps[0] - 2000).abs()
    assert changed[distance_ms < half_ms - 25].all()
    assert not changed[distance_ms > half_ms + 25].any()


def test_window_alone_has_the_embedding_of_its_timestamp(model):
    audio = noise(1, 4.0)
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    start = 2 * RATE - model.window // 2
    window = audio[:, start : start + model.window]
    k = timestamps[0].tolist().index(2000)
    scene = hear.get_scene_embeddings(window, model)
    torch.testing.assert_close(scene[0], embeddings[0, k], rtol=1e-4, atol=1e-4)


def test_long_audio_in_parts_is_the_same(model, monkeypatch):
    audio = noise(2, 3.0)
    whole, _ = hear.get_timestamp_embeddings(audio, model)
    monkeypatch.setattr(frames, "WINDOWS_AT_ONCE", 7)
    parts, _ = hear.get_timestamp_embeddings(audio, model)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)


def test_no_gradient_and_on_the_models_device(model):
    audio = noise(1, 1.0).double().requires_grad_()
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    scene = hear.get_scene_embeddings(audio, model)
    device = next(model.parameters()).device
    for tensor in (embeddings, timestamps, scene):
        assert tensor.device == device and not tensor.requires_grad
        assert tensor.dtype == torch.float32


def test_scene_embedding_is_what_embed_gives(model, run):
    audio = 0.1 * noise(2, 2.0)
    ours = embedding.load(run).embed(audio.numpy())
    np.testing.assert_allclose(hear.get_scene_embeddings(audio, model), ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("function", [hear.get_scene_embeddings, hear.get_timestamp_embeddings])
@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(RATE), r"shape \[16000\]; expected \[sounds, samples\]"),
        (torch.zeros(1, 1, RATE), "expected"),
        (torch.zeros(2, 0), "shape"),
        (torch.zeros(0, RATE), "shape"),
        (torch.zeros(1, RATE, dtype=torch.int16), "torch.int16; expected a float tensor"),
        (np.zeros((1, RATE), np.float32), "ndarray"),
        (torch.full((1, RATE), torch.nan), "NaN"),
        (torch.full((1, RATE), -torch.inf), "infinite"),
        (torch.full((1, RATE), -300.0), "reach 300, expected -1..1"),
    ],
)
def test_wrong_audio(model, function, audio, message):
    with pytest.raises(UserError, match=message):
        function(audio, model)


def test_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match="no checkpoint"):
        hear.load_model(str(tmp_path))
    with pytest.raises(UserError, match="give a run's folder"):
        hear.load_model()
