"""Enhanced and separated sound: artifacts, streams, from Python, and at the edges of hearing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.exports import exported_once
from support.made_once import made_once
from support.runs import chord, make_task_run
from torch import Tensor

from tiny_audio_ssl import UserError, load_product
from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.bench import eager
from tiny_audio_ssl.export import manifest, verify
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.products import product_of
from tiny_audio_ssl.export.streaming.product_stream import StreamedProduct, run_packets
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.configs.enhancement import SpeechEnhancementConfig
from tiny_audio_ssl.pretext.configs.separation import SeparationConfig
from tiny_audio_ssl.pretext.product import Product

CONFIG = SpeechEnhancementConfig(slice_ms=175.0)  # 16 frames, 2560 samples
PAST = 240  # samples before the first hop of a stream


@pytest.fixture(scope="session")
def enhancing_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    encoder = EncoderConfig(width=0.25, slice_frames=16)
    return made_once(
        tmp_path_factory,
        "enhancing-run",
        lambda to: make_task_run(to, "speech-enhancement", CONFIG, encoder),
    )


@pytest.fixture(scope="session")
def enhancing_export(tmp_path_factory: pytest.TempPathFactory, enhancing_run: Path) -> ExportResult:
    def make(folder: Path) -> ExportResult:
        inputs = ("waveform", "stream")
        return export(enhancing_run, folder, product="enhanced", input=inputs, parity_clips=4)

    return exported_once(tmp_path_factory, "enhancing-export", make)


@pytest.fixture(scope="module")
def separating_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, encoder = tmp_path_factory.mktemp("separating") / "run", EncoderConfig(width=0.25)
    return make_task_run(folder, "separation", SeparationConfig(), encoder, recordings=4)


@pytest.fixture(scope="module")
def product(enhancing_run: Path) -> Product:
    return product_of(enhancing_run, checkpoint.load(enhancing_run))


@pytest.fixture(scope="module")
def sound() -> Tensor:
    return torch.from_numpy(chord(3).astype(np.float32))


@torch.no_grad()
def whole(product: Product, sound: Tensor) -> Tensor:
    """Enhance a sound at once as a stream does, which begins as if silence went before it."""
    before = torch.cat([torch.zeros(PAST), sound, torch.zeros(2560)])
    return product.module(before[None])[0]


def test_artifacts_agree_with_the_model(enhancing_export):
    assert [artifact.path.name for artifact in enhancing_export.artifacts] == [
        "enhanced.waveform.fp32.pte",
        "enhanced.stream.fp32.pte",
        "enhanced.waveform.fp32.onnx",
        "enhanced.stream.fp32.onnx",
    ]
    assert enhancing_export.ok and verify.verify(enhancing_export.folder).ok
    assert all(artifact.parity.snr_db > 60 for artifact in enhancing_export.artifacts)
    lowered = [artifact.operators for artifact in enhancing_export.artifacts if artifact.operators]
    assert len(lowered) == 2 and not any(operators.portable for operators in lowered)


def test_manifest_describes_both_inputs(enhancing_export):
    entries = {e["file"]: e for e in manifest.read(enhancing_export.folder)["artifacts"]}
    whole_, stream = (entries[f"enhanced.{kind}.fp32.pte"] for kind in ("waveform", "stream"))
    assert whole_["input"]["shape"] == whole_["outputs"][0]["shape"] == [1, 15_600]
    assert stream["input"]["shape"] == stream["outputs"][0]["shape"] == [1, 2_560]
    assert stream["stream"]["delay_samples"] == PAST
    assert [state["input"] for state in stream["stream"]["state"]] == ["past", "tail"]
    assert stream["product"]["settings"]["slice_ms"] == 175


def test_stream_equals_the_whole(product, sound, enhancing_export):
    expected = whole(product, sound)
    done = len(sound) // 2_560 * 2_560
    (packets,) = run_packets(product.stream.module, product.stream, sound)
    assert torch.allclose(packets.flatten()[PAST:], expected[PAST:done], atol=1e-6)
    for suffix in ("pte", "onnx"):
        path = enhancing_export.folder / f"enhanced.stream.fp32.{suffix}"
        stream, found = StreamedProduct.open(path), []
        for chunk in np.split(sound.numpy(), [100, 7_000, 7_001]):
            found += [packet["enhanced"] for packet in stream.push(chunk)]
        assert stream.delay_samples == PAST
        assert np.allclose(np.concatenate(found)[PAST:], expected[PAST:done], atol=1e-5)


def test_slices_do_not_see_each_other(product, sound):
    with torch.no_grad():
        before = product.module(sound[None])
        changed = sound.clone()
        changed[3 * 2_560 + 400 :] = 0
        after = product.module(changed[None])
    assert torch.equal(before[:, : 3 * 2_560], after[:, : 3 * 2_560])
    assert not torch.allclose(before[:, 3 * 2_560 :], after[:, 3 * 2_560 :])


@pytest.mark.parametrize("samples", [1, 399, 2_800, 15_600, 40_001])
def test_any_length_from_python(enhancing_run, sound, samples):
    found = load_product(enhancing_run)(sound[:samples].numpy())["enhanced"]
    assert found.shape == (samples,) and np.isfinite(found).all()


def test_silence_stays_silent_and_clipped_sound_is_finite(enhancing_run, enhancing_export, sound):
    for path in (enhancing_run, enhancing_export.folder):
        enhance = load_product(path)
        assert not enhance(np.zeros(15_600))["enhanced"].any()
        clipped = (50 * sound[:15_600]).clamp(-1, 1).numpy()
        found = enhance(clipped)["enhanced"]
        assert np.isfinite(found).all() and found.any()
    stream = StreamedProduct.open(enhancing_export.folder / "enhanced.stream.fp32.onnx")
    assert not any(found["enhanced"].any() for found in stream.push(np.zeros(8_000)))


def test_recordings_of_two_rates(enhancing_run, sound):
    enhance = load_product(enhancing_run)
    fast = audio.resample(sound.numpy(), 16_000, 48_000)
    found = enhance(fast, sample_rate_hz=48_000)["enhanced"]
    assert len(found) == len(sound)
    expected = enhance(sound.numpy())["enhanced"]
    assert np.square(found - expected).sum() < 0.01 * np.square(expected).sum()


def test_artifact_and_run_give_the_same(enhancing_run, enhancing_export, sound):
    window = sound[:15_600].numpy()
    expected = load_product(enhancing_run)(window)["enhanced"]
    for suffix in ("pte", "onnx"):
        path = enhancing_export.folder / f"enhanced.waveform.fp32.{suffix}"
        assert np.allclose(load_product(path)(window)["enhanced"], expected, atol=1e-5)
    with pytest.raises(UserError, match="no artifact that gives a product and takes waveforms"):
        load_product(enhancing_export.folder / "enhanced.stream.fp32.pte")


def test_bench_builds_the_eager_networks(enhancing_export):
    content = manifest.read(enhancing_export.folder)
    for entry in content["artifacts"][:2]:
        network = eager.build_network(content, entry)
        state = [torch.zeros(1, *s["shape"][1:]) for s in entry.get("stream", {}).get("state", [])]
        found = network(torch.zeros(entry["input"]["shape"]), *state)
        first = found[0] if isinstance(found, tuple) else found
        assert list(first.shape) == entry["outputs"][0]["shape"]


def test_streams_of_products_and_of_embeddings_are_not_mixed_up(enhancing_run, enhancing_export):
    path = enhancing_export.folder / "enhanced.stream.fp32.onnx"
    with pytest.raises(UserError, match="not a stream artifact of its manifest"):
        Stream.open(path)
    with pytest.raises(UserError, match="not a product's stream of its manifest"):
        StreamedProduct.open(path.with_name("enhanced.waveform.fp32.onnx"))
    with pytest.raises(UserError, match="leave out --packet-ms"):
        export(enhancing_run, product="enhanced", input="stream", packet_ms=80)


def test_stream_of_separated_sounds_equals_the_whole(separating_run, sound):
    product = product_of(separating_run, checkpoint.load(separating_run))
    expected = whole(product, sound)
    (packets,) = run_packets(product.stream.module, product.stream, sound)
    found = torch.cat(list(packets), dim=1)  # of three packets, [2, samples]
    assert found.shape == (2, 3 * 15_360)
    assert torch.allclose(found[:, PAST:], expected[:, PAST : found.shape[1]], atol=1e-6)


def test_separated_sounds_add_up(separating_run, tmp_path, sound):
    result = export(separating_run, tmp_path / "out", product="separated", parity_clips=4)
    assert result.ok
    window = sound[:15_600].numpy()
    expected = load_product(separating_run)(window)["separated"]
    assert expected.shape == (2, 15_600)
    inner = slice(200, -200)
    assert np.allclose(expected.sum(axis=0)[inner], window[inner], atol=1e-4)
    for artifact in result.artifacts:
        found = load_product(artifact.path)(window)["separated"]
        assert np.allclose(found, expected, atol=1e-5)
