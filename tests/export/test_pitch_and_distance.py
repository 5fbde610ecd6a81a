"""Pitch and distance as artifacts: equal to the task's own, in both formats, and checked later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from support.exports import exported_once
from support.made_once import made_once
from support.runs import chord, make_task_run

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench import eager, sound
from tiny_audio_ssl.bench.discovery import find_subjects
from tiny_audio_ssl.export import manifest, verify
from tiny_audio_ssl.export.artifact_builder import ExportedArtifact
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.product_model import load_product
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.export.streaming.product_stream import StreamedProduct
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.configs.cdpam import CdpamConfig
from tiny_audio_ssl.pretext.configs.spice import SpiceConfig
from tiny_audio_ssl.training.run_task import trained_product

WINDOW = 15_600
SMALL = EncoderConfig(width=0.25)
CDPAM = CdpamConfig(hidden=16, projection=8)


@pytest.fixture(scope="session")
def pitch_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(
        tmp_path_factory, "pitch-run", lambda to: make_task_run(to, "spice", SpiceConfig(), SMALL)
    )


@pytest.fixture(scope="session")
def pitch_export(tmp_path_factory: pytest.TempPathFactory, pitch_run: Path) -> ExportResult:
    def make(folder: Path) -> ExportResult:
        return export(
            pitch_run, folder, product="pitch", input=("waveform", "stream"), parity_clips=2
        )

    return exported_once(tmp_path_factory, "pitch-export", make)


@pytest.fixture(scope="session")
def distance_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(
        tmp_path_factory, "distance-run", lambda to: make_task_run(to, "cdpam", CDPAM, SMALL)
    )


@pytest.fixture(scope="session")
def distance_export(tmp_path_factory: pytest.TempPathFactory, distance_run: Path) -> ExportResult:
    def make(folder: Path) -> ExportResult:
        return export(distance_run, folder, product="distance", input="waveform", parity_clips=4)

    return exported_once(tmp_path_factory, "distance-export", make)


def windows(count: int) -> np.ndarray:
    waves = [chord(seed)[:WINDOW] for seed in range(50, 50 + count)]
    return np.stack(waves).astype(np.float32)


def of_windows(result: ExportResult) -> list[ExportedArtifact]:
    return [artifact for artifact in result.artifacts if artifact.form.input == "waveform"]


def test_pitch_equals_the_tasks_own(pitch_run, pitch_export):
    assert pitch_export.ok
    assert [artifact.path.name for artifact in pitch_export.artifacts] == [
        "pitch.waveform.fp32.pte",
        "pitch.stream.fp32.pte",
        "pitch.waveform.fp32.onnx",
        "pitch.stream.fp32.onnx",
    ]
    loaded = checkpoint.load(pitch_run)
    product = trained_product(loaded)
    (wave,) = windows(1)
    with torch.no_grad():
        expected = product.module(loaded.model.frontend(torch.from_numpy(wave[None])))
    for artifact in of_windows(pitch_export):
        hz, confidence = open_outputs(artifact.path)(wave[None])
        assert hz.shape == confidence.shape == (1, 51)
        np.testing.assert_allclose(hz, expected[0], rtol=1e-3)
        np.testing.assert_allclose(confidence, expected[1], atol=1e-3)


def test_streamed_pitch_equals_that_of_the_whole(pitch_run, pitch_export):
    """Silence stands for the past at the beginning."""
    (wave,) = windows(1)
    past = np.zeros(2560 - 256, np.float32)
    whole = load_product(pitch_run)(np.concatenate([past, wave]))
    for name in ("pitch.stream.fp32.pte", "pitch.stream.fp32.onnx"):
        stream = StreamedProduct.open(pitch_export.folder / name)
        packets = [packet for chunk in np.split(wave, 13) for packet in stream.push(chunk)]
        assert len(packets) == WINDOW // 1280 and stream.delay_samples == 0
        for key, expected in whole.items():
            found = np.concatenate([packet[key] for packet in packets])
            np.testing.assert_allclose(found, expected[: len(found)], rtol=2e-3, atol=1e-3)


def test_silent_and_clipped_sound_have_a_pitch(pitch_export):
    loud = (100 * windows(1)).clip(-1, 1)
    for artifact in of_windows(pitch_export):
        run = open_outputs(artifact.path)
        hz, confidence = run(np.zeros((1, WINDOW), np.float32))
        assert np.isfinite(hz).all() and (hz > 0).all() and not confidence.any()
        hz, confidence = run(loud)
        assert np.isfinite(hz).all() and (confidence > 0).all()


def test_distance_equals_the_tasks_own(distance_run, distance_export):
    assert distance_export.ok
    product = trained_product(checkpoint.load(distance_run))
    pairs = windows(4).reshape(2, 2, WINDOW)
    with torch.no_grad():
        expected = product.module(torch.from_numpy(pairs)).numpy()
    assert (expected > 0).all()
    for artifact in distance_export.artifacts:
        run = open_outputs(artifact.path)
        found = np.concatenate([run(pair[None])[0] for pair in pairs])
        np.testing.assert_allclose(found, expected, rtol=1e-3)
        same = np.repeat(pairs[:1, :1], 2, axis=1)
        np.testing.assert_allclose(run(same)[0], 0, atol=1e-5)


def test_manifest_says_that_two_sounds_go_in(distance_export):
    for entry in manifest.read(distance_export.folder)["artifacts"]:
        assert entry["input"]["shape"][1:] == [2, WINDOW]
        (output,) = entry["outputs"]
        assert (output["name"], output["shape"][1:]) == ("distance", [1])


@pytest.mark.parametrize("made", ["pitch_export", "distance_export"])
def test_verify_and_bench_know_them(made, request, inline):
    folder = request.getfixturevalue(made).folder
    assert verify.verify(folder).ok
    content = manifest.read(folder)
    subjects = find_subjects([folder])
    assert {subject.artifact for subject in subjects} >= {"eager waveform"}
    with torch.no_grad():
        network = eager.build_network(content, content["artifacts"][0])
        found = network(*map(torch.from_numpy, sound.inputs(subjects[0])))
    found = found if isinstance(found, tuple) else (found,)
    assert all(values.isfinite().all() for values in found)


def test_distance_of_two_sounds_from_python(distance_run, distance_export):
    """Two rates, a sound and itself, two lengths."""
    first, second = windows(2)
    for model in (load_product(distance_run), load_product(distance_export.folder)):
        at_8_khz = soxr.resample(second, 16_000, 8_000)
        (found,) = model(first, at_8_khz, sample_rate_hz=(16_000, 8_000))["distance"]
        assert np.isfinite(found) and found > 0
        (same,) = model(first, first)["distance"]
        assert abs(same) < 1e-5
        with pytest.raises(UserError, match="cut the longer one"):
            model(first, second[:-100])


def test_distance_takes_no_log_mel(distance_run, tmp_path):
    with pytest.raises(UserError, match="export it with --input waveform"):
        export(distance_run, tmp_path / "out", product="distance", input="mel")
