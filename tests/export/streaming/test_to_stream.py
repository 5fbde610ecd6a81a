"""Stream artifacts equal the offline model, and their manifest says how to drive them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.exports import exported_once
from support.runs import chord, make_run
from support.streams import PAST, expected, joined, pushed, sound

from tiny_audio_ssl import UserError
from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

import onnx

from tiny_audio_ssl.bench.run import bench
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.export.parity import compare
from tiny_audio_ssl.export.streaming.stream_encoder import stream_shape
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.export.verify import verify

PACKET_MS = 160.0
# An encoder and the forms it is exported in: lowering a .pte takes most of the time, and what the
# runtimes could get wrong does not depend on everything that eager is compared on.
MOBILE = EncoderConfig("mobile", width=0.5, slice_frames=16)
SEPARABLE = EncoderConfig("separable", width=0.25, pooling="max", readout=("last", "middle", "mel"))
DENSE = EncoderConfig("dense", width=0.5, readout=("last", "middle", "mel"))
WHOLE = EncoderConfig("dense", width=0.5, slice_frames=96)  # as the shipped encoders read
EXPORTS = {
    "dense.pte": (DENSE, {"format": "executorch", "precision": ("fp32", "int8")}),
    "mobile.onnx": (MOBILE, {"format": "onnx"}),
    "mobile.fp32.pte": (MOBILE, {"format": "executorch", "precision": "fp32"}),
    "separable.int8.onnx": (SEPARABLE, {"format": "onnx", "precision": "int8"}),
    "whole.onnx": (WHOLE, {"format": "onnx"}),
    "whole.fp32.pte": (WHOLE, {"format": "executorch", "precision": "fp32"}),
    "separable.int8.pte": (SEPARABLE, {"format": "executorch", "precision": "int8"}),
}


@pytest.fixture(scope="session", params=sorted(EXPORTS))
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ExportResult:
    config, forms = EXPORTS[request.param]

    def make(folder: Path) -> ExportResult:
        run = make_run(folder, config)
        return export(
            run, **forms, input="stream", packet_ms=PACKET_MS, calibration_clips=12, parity_clips=12
        )

    return exported_once(tmp_path_factory, f"stream-{request.param}", make)


def test_artifacts_agree_with_the_model(exported):
    assert exported.ok, [(a.path.name, a.parity) for a in exported.artifacts]
    for artifact in exported.artifacts:
        assert artifact.parity.windows == 12
        if artifact.form.format == "executorch":
            assert artifact.operators.delegates == 1 and artifact.operators.portable == {}


def test_artifacts_equal_offline_from_the_first_packet_on(exported):
    model = checkpoint.load(exported.folder.parent).model
    shape = stream_shape(model, PACKET_MS, WINDOW_SAMPLES)
    for artifact in exported.artifacts:
        exact = artifact.form.precision == "fp32"
        # int8 has not been calibrated on digital silence.
        wave = sound() if exact else chord(40).astype(np.float32)
        found = pushed(Stream.open(artifact.path), wave, chunk=999)
        wanted = expected(model, shape, wave, found)
        if exact:
            torch.testing.assert_close(joined(found), wanted, atol=2e-4, rtol=2e-4)
        else:
            assert compare(joined(found), wanted, 10.0).ok


@pytest.mark.parametrize("exported", ["mobile.onnx", "separable.int8.pte"], indirect=True)
def test_verify_runs_a_packet(exported, inline):
    assert verify(exported.folder).ok
    outputs = [o["name"] for o in manifest.trusted(exported.folder)["artifacts"][0]["outputs"]]
    assert outputs == ["embedding", "heard"]


def test_manifest_says_how_to_drive_it(exported):
    for entry in manifest.read(exported.folder)["artifacts"]:
        batch = "batch" if entry["format"] == "onnx" else 1
        assert entry["input"]["shape"] == [batch, 2560] and entry["input"]["name"] == "packet"
        stream = entry["stream"]
        whole = stream["slice_frames"] == 96
        assert (stream["packet_ms"], stream["packets"]) == (160.0, 6)
        assert stream["slice_frames"] in (16, 96) and stream["as_trained"]
        assert stream["window_samples"] == WINDOW_SAMPLES and stream["delay_samples"] == 0
        states = ["past", "frames" if whole else "summaries"]
        assert [s["input"] for s in stream["state"]] == states
        assert stream["state"][0]["shape"] == [batch, PAST]


@pytest.mark.parametrize("exported", ["mobile.onnx", "whole.fp32.pte"], indirect=True)
def test_bench_times_a_packet(exported):
    rows = bench(exported.folder, runs=2, warm_up=0)
    assert rows[0].artifact == "eager stream" and len(rows) == 1 + len(exported.artifacts)
    assert {(row.input, row.window_ms) for row in rows} == {("stream", PACKET_MS)}


def test_slices_that_the_encoder_was_not_trained_on_are_pointed_out(tmp_path):
    form = {"format": "onnx", "precision": "fp32", "input": "stream", "parity": False}
    made = export(make_run(tmp_path, WHOLE), **form, packet_ms=PACKET_MS, slice_ms=PACKET_MS)
    (note,) = made.notes
    assert "slices of 160 ms" in note and "trained on slices of 960 ms" in note
    assert "export with --input waveform as well" in note
    assert not manifest.read(made.folder)["artifacts"][0]["stream"]["as_trained"]


def test_only_stream_artifacts_are_opened(exported, tmp_path):
    with pytest.raises(UserError, match=r"encoder\.stream\.(fp32|int8)\."):
        Stream.open(exported.folder / "encoder.waveform.fp32.pte")
    with pytest.raises(UserError, match=r"manifest\.json"):
        Stream.open(tmp_path / "encoder.stream.fp32.pte")


def test_int8_is_in_the_graph(exported):
    for artifact in exported.artifacts:
        if artifact.form.format == "executorch":
            names = set(artifact.operators.delegated)
        else:
            names = {node.op_type for node in onnx.load(artifact.path).graph.node}
        quantized = any("quantize" in name.lower() for name in names)
        assert quantized == (artifact.form.precision == "int8"), names
