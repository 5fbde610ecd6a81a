"""Modules with the HEAR API: what is taken from them, and what is refused with which words."""

from __future__ import annotations

import sys
import types
from importlib import metadata

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.paths import ROOT

from tiny_audio_ssl import UserError
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000
BENCHMARK_PEERS = ROOT / "benchmarks" / "peers"
GOOD = """
import torch

class Model(torch.nn.Module):
    sample_rate = 16000
    scene_embedding_size = 2

    def __init__(self, scale):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))

def load_model(model_file_path=""):
    return Model(float(open(model_file_path).read()) if model_file_path else 1.0)

def get_scene_embeddings(audio, model):
    return model.scale * torch.stack([audio.mean(1), audio.abs().amax(1)], dim=1)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module of that source and give its name; each has its own."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(source: str) -> str:
        name = f"peer_{tmp_path.name}_{len(written)}"
        (tmp_path / f"{name}.py").write_text(source)
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def noise():
    return (0.1 * np.random.default_rng(0).standard_normal((3, RATE))).astype(np.float32)


def test_embeds(module, noise):
    name = module(GOOD)
    model = HearModel(name)
    assert (model.name, model.dim) == (f"hear:{name}", 2)
    found = model.embed(noise)
    assert found.dtype == np.float32
    expected = np.stack([noise.mean(1), np.abs(noise).max(1)], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert not model(torch.from_numpy(noise)).requires_grad


def test_weights(module, noise, tmp_path):
    name = module(GOOD)
    (tmp_path / "w").write_text("3.0")
    three = HearModel(name, tmp_path / "w").embed(noise)
    np.testing.assert_allclose(three, 3 * HearModel(name).embed(noise), rtol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_other_sample_rates_are_resampled(module, rate):
    """A tone keeps its length in seconds, its pitch and its height."""
    source = GOOD.replace("16000", str(rate)).replace(
        "audio.mean(1)", "(audio[:, 1:] * audio[:, :-1] < 0).sum(1) / audio.shape[1]"
    )
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE + 0.3)
    crossings_a_sample, peak = HearModel(module(source)).embed(tone[None].astype(np.float32))[0]
    assert crossings_a_sample * rate == pytest.approx(2 * 440, rel=0.01)
    assert peak == pytest.approx(0.5, rel=0.05)


def test_identity_is_of_the_content(module, tmp_path):
    name = module(GOOD)
    assert HearModel(name).identity == HearModel(name).identity
    found = {HearModel(name).identity, HearModel(module(GOOD)).identity}
    for weights in ("2.0", "3.0"):
        (tmp_path / "w").write_text(weights)  # the same path, other content
        found.add(HearModel(name, tmp_path / "w").identity)
    (tmp_path / f"{name}.py").write_text(GOOD + "# changed\n")
    found.add(HearModel(name).identity)
    assert len(found) == 5


BAD_MODELS = {
    "a syntax error": ("def", "can't be imported"),
    "no get_scene_embeddings": ("def load_model(path=''): pass", "has no get_scene_embeddings"),
    "load_model raises": (GOOD.replace("return Model(", "raise OSError('gone') #"), "gone"),
    "no PyTorch": (
        GOOD.replace("return Model(", "return str("),
        "returned a str, expected",
    ),
    "no rate": (GOOD.replace("sample_rate =", "rate ="), "sample_rate is None"),
    "a size in words": (GOOD.replace("embedding_size = 2", "embedding_size = '2'"), "is '2'"),
}
BAD_EMBEDDINGS = {
    "raises": ("raise ValueError('too short')", r"failed on \[3, 16000\].*too short"),
    "another size": ("return torch.zeros(len(audio), 3)", r"\[3, 3\], expected \[3, 2\]"),
    "a row too few": ("return torch.zeros(len(audio) - 1, 2)", r"\[2, 2\], expected \[3, 2\]"),
    "timestamps": ("return torch.zeros(len(audio), 5, 2)", r"expected \[3, 2\]"),
    "NaN": ("return torch.full((len(audio), 2), torch.nan)", "NaN"),
    "a tuple": ("return ([[0, 0]], [[0]])", "returned a tuple, expected a tensor"),
}


@pytest.mark.parametrize("bad", BAD_MODELS)
def test_incomplete_module_is_refused(module, bad):
    source, message = BAD_MODELS[bad]
    name = module(source)
    with pytest.raises(UserError, match=f"hear:{name}.*{message}"):
        HearModel(name)


@pytest.mark.parametrize("bad", BAD_EMBEDDINGS)
def test_wrong_embeddings_are_refused(module, noise, bad):
    line, message = BAD_EMBEDDINGS[bad]
    before = GOOD.partition("def get_scene")[0]
    name = module(f"{before}def get_scene_embeddings(audio, model): {line}")
    with pytest.raises(UserError, match=f"hear:{name}.*{message}"):
        HearModel(name).embed(noise)


def test_missing_module_or_weights_are_explained(module, tmp_path):
    with pytest.raises(UserError, match=r"hear:no\.such: can't be imported .*PYTHONPATH"):
        HearModel("no.such")
    with pytest.raises(UserError, match=r"no weights at .*absent"):
        HearModel(module(GOOD), tmp_path / "absent")


def test_own_checkpoints_through_hear(tmp_path, noise):
    torch.manual_seed(0)
    model = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    checkpoint.save(tmp_path / "run", model, run={}, progress={})
    ours = embedding.load(tmp_path / "run")
    found = HearModel("tiny_audio_ssl.hear", tmp_path / "run")
    np.testing.assert_allclose(found.embed(noise), ours.embed(noise), rtol=1e-4, atol=1e-5)


def test_mel_statistics_are_those_of_the_probe(noise):
    found = HearModel("tiny_audio_ssl.embedding.mel_statistics")
    for waves in (noise, noise[:, :100]):
        np.testing.assert_allclose(
            found.embed(waves), LogMelStatistics().embed(waves), rtol=1e-4, atol=1e-4
        )


# --- benchmarks/peers, against the packages that they wrap ------------------------------------


def needs(distribution: str) -> None:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        pytest.skip(f"pip install {distribution}")


def test_openwakeword_embedding(monkeypatch):
    """The mean over the windows that the package's own code cuts, in onnxruntime."""
    needs("openwakeword")
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    from openwakeword.utils import AudioFeatures

    rng = np.random.default_rng(0)
    loudness = np.array([[300], [10_000], [3000]])
    pcm = (loudness * rng.standard_normal((3, 2 * RATE))).clip(-32768, 32767).astype(np.int16)
    pcm[1, :RATE] = 0  # decibels are cut off below the loudest of this sound, not of the batch
    expected = np.stack([AudioFeatures()._get_embeddings(row).mean(0) for row in pcm])
    model = HearModel("openwakeword_embedding")
    found = model.embed(pcm / np.float32(32768))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert model.embed(np.zeros((1, 800), np.float32)).shape == (1, 96)  # padded to a window


@pytest.mark.parametrize("samples", [8_000, RATE, 37_777, 5 * RATE])
def test_resemblyzer_embedding(monkeypatch, samples):
    """The package's own, but for the voice activity detector, whose library is stood in for."""
    needs("Resemblyzer")
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    monkeypatch.setitem(sys.modules, "webrtcvad", types.ModuleType("webrtcvad"))
    import resemblyzer

    rng = np.random.default_rng(0)
    waves = (np.array([[0.001], [0.2]]) * rng.standard_normal((2, samples))).astype(np.float32)
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    louder = [resemblyzer.normalize_volume(w, -30, increase_only=True) for w in waves]
    expected = np.stack([encoder.embed_utterance(w) for w in louder])
    model = HearModel("resemblyzer_embedding")
    np.testing.assert_allclose(model.embed(waves), expected, atol=1e-5)
    assert np.isfinite(model.embed(np.zeros((1, 800), np.float32))).all()


@pytest.fixture
def chirp() -> torch.Tensor:
    """The sound of mn04_as_reference.npz: one second at 32 kHz, [1, 32000]."""
    seconds = torch.arange(32_000, dtype=torch.float64) / 32_000
    phase = 2 * torch.pi * (200 * seconds + 900 * seconds**2)
    return (0.3 * phase.sin()).float()[None]


def test_mn04_is_the_published_network(teachers, monkeypatch, chirp):
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    import mn04

    reference = np.load(teachers / "mn04_as_reference.npz")
    model = mn04.MN04(teachers / "mn04_as.safetensors").eval()
    mel = model.spectrogram(chirp)
    np.testing.assert_allclose(mel[0], reference["mel"], atol=1e-4)
    with torch.no_grad():
        *middle, top = model.network(mel[:, None], {*mn04.MIDDLE, mn04.TOP})
    np.testing.assert_allclose(torch.cat(middle, 1)[0], reference["blocks_5_11_13_15"], atol=2e-5)
    np.testing.assert_allclose(top[0], reference["block_16"], atol=2e-5)


def test_mn04_embedding_and_targets(teachers, monkeypatch, chirp):
    """At 16 kHz the chirp, which ends at 2 kHz, gives what it gives at 32 kHz."""
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    reference = np.load(teachers / "mn04_as_reference.npz")
    weights = teachers / "mn04_as.safetensors"
    embedding, targets = (HearModel(f"mn04_{name}", weights) for name in ("embedding", "targets"))
    waves = np.concatenate([chirp[:, ::2], 0.1 * chirp[:, ::2]])
    found = embedding.embed(waves)
    assert found.shape == (2, 320)
    blocks = reference["blocks_5_11_13_15"]
    np.testing.assert_allclose(targets.embed(waves)[:, :192], found[:, :192], atol=1e-6)
    assert np.linalg.norm(found[0, :192] - blocks) < 0.1 * np.linalg.norm(blocks)
    np.testing.assert_allclose(embedding.embed(waves[1:]), found[1:], atol=1e-5)
    assert targets.embed(np.zeros((1, 10), np.float32)).shape == (1, 576)  # padded to 25 ms


def test_mn04_upsampling_keeps_sines(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    import mn04

    seconds = torch.arange(4_001, dtype=torch.float64) / 32_000
    for hertz in (100, 1_000, 6_500):
        sine = (2 * torch.pi * hertz * seconds).sin().float()
        found = mn04.Upsampling()(sine[None, ::2])[0, :4_001]
        torch.testing.assert_close(found[200:-200], sine[200:-200], rtol=0, atol=2e-3)


@pytest.mark.parametrize("weights", ["", "other.safetensors"])
def test_mn04_without_its_weights(tmp_path, monkeypatch, weights):
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    path = tmp_path / weights if weights else None
    with pytest.raises(
        UserError, match=r"expected the path of mn04_as\.safetensors|not the weights"
    ):
        HearModel("mn04_embedding", path)


def test_yamnet_embedding(teachers, monkeypatch):
    """The mean over patches of what the last convolution gives, which the tags follow from."""
    needs("ai-edge-litert")
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    model = HearModel("yamnet_embedding", teachers / "yamnet_spectra_in.tflite")
    rng = np.random.default_rng(0)
    waves = (np.array([[0.01], [0.3]]) * rng.standard_normal((2, 15_600))).astype(np.float32)
    found = model.embed(waves)
    assert found.shape == (2, 1024) and (found >= 0).all() and found.any(axis=1).all()
    padded = np.pad(waves, ((0, 0), (0, 7_680)))  # a second patch, half of it silent
    np.testing.assert_allclose(model.embed(padded[:, :16_000]), model.embed(padded), atol=1e-6)
    assert model.embed(waves[:, :800]).shape == (2, 1024)


def test_yamnet_hears_patches_of_log_mel(teachers, monkeypatch):
    needs("ai-edge-litert")
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    import yamnet_embedding

    model = yamnet_embedding.load_model(str(teachers / "yamnet_spectra_in.tflite"))
    seconds = torch.arange(2 * RATE) / RATE
    patches = model.patches((2 * torch.pi * 1_000 * seconds).sin()[None])
    assert patches.shape == (1, 4, 96, 64)
    loudest = patches[0, 0].mean(dim=0).argmax()
    edges_hertz = 700 * np.expm1(
        np.linspace(*1127 * np.log1p(np.array([125, 7500]) / 700), 66) / 1127
    )
    assert edges_hertz[loudest] < 1_000 < edges_hertz[loudest + 2]
    torch.testing.assert_close(model.patches(torch.zeros(1, 100)).mean().exp(), torch.tensor(0.001))


def test_swiftf0_targets_show_the_pitch(monkeypatch):
    needs("swift-f0")
    monkeypatch.syspath_prepend(BENCHMARK_PEERS)
    model = HearModel("swiftf0_targets")
    seconds = np.arange(15_600) / RATE
    waves = np.stack([0.3 * np.sin(2 * np.pi * hz * seconds) for hz in (110, 440)])
    found = model.embed(waves.astype(np.float32))
    assert found.shape == (2, 69)
    notes = 30 + found[:, :-1].argmax(axis=1)
    assert notes.tolist() == [45, 69] and (found[:, -1] > 0.5).all()
    assert not model.embed(np.zeros((1, 15_600), np.float32)).any()
