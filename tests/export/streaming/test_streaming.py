"""Streams equal the offline model on the same sound, however the sound is cut."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from support.runs import chord, make_run
from torch.nn import functional as F

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import EncoderConfig, WaveformEncoder
from tiny_audio_ssl.models.frontend import FrontendConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench.run import bench
from tiny_audio_ssl.export import (
    ExportResult,
    Stream,
    StreamEmbedding,
    Target,
    export_run,
    manifest,
)
from tiny_audio_ssl.export.parity import compare
from tiny_audio_ssl.export.streaming.stream_encoder import (
    StreamEncoder,
    StreamShape,
    offline,
    stream_shape,
)
from tiny_audio_ssl.export.streaming.to_stream import describe
from tiny_audio_ssl.export.verify import verify

WINDOW = 15_600
PAST = 240  # samples of silence before a stream


def small(name: str = "mobile", slice_frames: int | None = None, **options) -> WaveformEncoder:
    config = EncoderConfig(name, width=0.25, slice_frames=slice_frames, **options)
    return checkpoint.untrained(FrontendConfig(), config, seed=0).eval()


def eager(model: WaveformEncoder, shape: StreamShape) -> Stream:
    """The host class around the module itself."""
    network = StreamEncoder(model, shape)

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [x.numpy() for x in network(*map(torch.from_numpy, inputs))]

    return Stream(run, describe(network, "onnx"))


def expected(
    model: WaveformEncoder, shape: StreamShape, sound: np.ndarray, found: Iterable[StreamEmbedding]
) -> torch.Tensor:
    """What the offline model says of the very samples that each embedding has heard."""
    exact = offline(model, shape)
    padded = F.pad(torch.from_numpy(sound), (PAST, 0))
    longest = 160 * shape.packet_frames * shape.packets
    with torch.no_grad():
        return torch.cat([
            exact(padded[None, max(0, e.end_sample - longest) : e.end_sample + PAST])
            for e in found
        ])  # fmt: skip


def sound(seconds: float = 3.0) -> np.ndarray:
    """Loud, silent and quiet parts; exact as 16-bit."""
    wave = chord(1, seconds)
    third = len(wave) // 3
    wave[third : third + 4000] = 0
    wave[2 * third :] *= 0.01
    return (np.round(wave.clip(-1, 32767 / 32768) * 32768) / 32768).astype(np.float32)


def pushed(stream: Stream, pcm: np.ndarray, chunk: int) -> list[StreamEmbedding]:
    chunks = (pcm[start : start + chunk] for start in range(0, len(pcm), chunk))
    return [found for one in chunks for found in stream.push(one)]


def joined(found: Iterable[StreamEmbedding]) -> torch.Tensor:
    return torch.from_numpy(np.stack([e.embedding for e in found]))


@pytest.mark.parametrize("pooling", ["mean_max", "max"])
@pytest.mark.parametrize("readout", ["last", "middle", "mel", "last middle mel"])
@pytest.mark.parametrize("packet_ms", [80, 320])
def test_every_embedding_is_the_offline_models(encoder_name, pooling, readout, packet_ms):
    model = small(encoder_name, 16, pooling=pooling, readout=tuple(readout.split()))
    shape = stream_shape(model, packet_ms, WINDOW)
    found = list(eager(model, shape).push(sound()))
    assert len(found) == 48_000 // (16 * packet_ms) > 2 * shape.packets
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(), found), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("projection_dim", [None, 24])
def test_linear_layer_behind_the_pooling(projection_dim):
    model = small(projection_dim=projection_dim)
    shape = stream_shape(model, 160, WINDOW)
    found = list(eager(model, shape).push(sound(1.5)))
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(1.5), found), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("chunk", "dtype"),
    [(1, np.int16), (7, np.float32), (159, np.float64), (1280, np.int16), (4000, np.float32)],
)
def test_any_split_gives_the_same(chunk, dtype):
    model, wave = small(), sound(1.2)
    shape = stream_shape(model, 80, WINDOW)
    whole = list(eager(model, shape).push(wave))
    pcm = (wave * 32768).astype(np.int16) if dtype == np.int16 else wave.astype(dtype)
    cut = pushed(eager(model, shape), pcm, chunk)
    assert [e.end_sample for e in cut] == [1280 * (i + 1) for i in range(15)]
    assert [e.start_sample for e in cut] == [e.start_sample for e in whole]
    torch.testing.assert_close(joined(cut), joined(whole), atol=0, rtol=0)


def test_a_window_passes_and_reset_forgets():
    model = small()
    shape = stream_shape(model, 80, WINDOW)
    stream = eager(model, shape)
    fresh = list(stream.push(sound(2.0)))
    stream.reset()
    list(stream.push(chord(5, 0.8)))  # ten packets
    later = list(stream.push(sound(2.0)))
    # After a window and the 15 ms before it, nothing is left of the other sound.
    torch.testing.assert_close(joined(later[12:]), joined(fresh[12:]), atol=1e-6, rtol=1e-6)
    assert later[12].start_sample == fresh[12].start_sample + 10 * 1280
    assert (joined(later[:12]) - joined(fresh[:12])).abs().amax(dim=1).min() > 1e-3
    stream.push(sound(0.05))  # waits for the rest of its packet
    stream.reset()
    again = list(stream.push(sound(2.0)))
    torch.testing.assert_close(joined(again), joined(fresh), atol=0, rtol=0)
    assert (again[0].start_sample, again[0].end_sample) == (0, 1280)


def test_one_packet_may_be_the_window():
    model = small()
    shape = stream_shape(model, 960, WINDOW)
    assert shape == StreamShape(96, 96, 1)
    found = list(eager(model, shape).push(sound()))
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(), found), atol=2e-5, rtol=1e-4
    )


def test_batch_items_are_streams_of_their_own():
    network = StreamEncoder(small(), StreamShape(8, 8, 12))
    packets = [torch.from_numpy(chord(i, 0.08)[None]).float() for i in range(2)]
    both = network(torch.cat(packets), *network.start(2)[1:])
    for i, packet in enumerate(packets):
        for one, two in zip(network(packet, *network.start()[1:]), both, strict=True):
            torch.testing.assert_close(one, two[i : i + 1], atol=1e-5, rtol=1e-5)
    assert both[1].tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("own", "packet_ms", "shape"),
    [
        (None, None, (32, 32, 3)),
        (66, None, (32, 32, 3)),  # COLA's
        (16, None, (16, 16, 6)),
        (16, 80, (8, 8, 12)),
        (16, 320, (32, 16, 3)),  # whole slices: the checkpoint as it is
        (16, 200, (20, 20, 5)),
    ],
)
def test_packets_are_whole_slices(own, packet_ms, shape):
    assert stream_shape(small(slice_frames=own), packet_ms, WINDOW) == StreamShape(*shape)


@pytest.mark.parametrize("packet_ms", [85.0, 10.0, 0.0, -80.0, float("nan"), 1000.0])
def test_packets_that_cannot_be(packet_ms):
    with pytest.raises(UserError, match="--packet-ms"):
        stream_shape(small(), packet_ms, WINDOW)


def test_heads_and_targets_are_for_the_others(tmp_path):
    checkpoint.save(tmp_path / "last", small(), {"task": "temporal_gap"}, {"step": 0})
    with pytest.raises(UserError, match="--input stream"):
        export_run(tmp_path, inputs=["stream"], target=Target(min_snr_db=20.0))


@pytest.mark.parametrize(
    ("pcm", "said"),
    [
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([0.0, np.inf], np.float32), "infinity"),
        (np.zeros((2, 1280), np.float32), r"\[2, 1280\]"),
        (np.zeros(1280, np.int32), "int32"),
    ],
)
def test_bad_sound_is_refused_and_nothing_of_it_taken(pcm, said):
    model = small()
    stream = eager(model, stream_shape(model, 80, WINDOW))
    with pytest.raises(UserError, match=said):
        stream.push(pcm)
    assert next(stream.push(np.zeros(1280, np.float32))).end_sample == 1280


# What the runtimes could get wrong does not depend on all that eager is compared on above.
CONFIGS = {
    "mobile": EncoderConfig("mobile", slice_frames=16),
    "separable": EncoderConfig(
        "separable", width=0.5, pooling="max", readout=("last", "middle", "mel")
    ),
}


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[WaveformEncoder, ExportResult]:
    run = make_run(tmp_path_factory.mktemp("run"), CONFIGS[request.param])
    result = export_run(
        run, inputs=["stream"], packet_ms=80.0, calibration_clips=12, parity_clips=12
    )
    return checkpoint.load(run).model, result


def test_artifacts_agree_with_the_model(exported):
    _, result = exported
    assert len(result.artifacts) == 4
    assert result.ok, [(a.path.name, a.parity) for a in result.artifacts]
    for artifact in result.artifacts:
        assert artifact.parity.windows == 12
        if artifact.form.format == "executorch":
            assert artifact.operators.delegates == 1 and artifact.operators.portable == {}


def test_artifacts_equal_offline_from_the_first_packet_on(exported):
    model, result = exported
    shape = stream_shape(model, 80, WINDOW)
    for artifact in result.artifacts:
        exact = artifact.form.precision == "fp32"
        # int8 has not been calibrated on digital silence.
        wave = sound() if exact else chord(40).astype(np.float32)
        found = pushed(Stream.open(artifact.path), wave, chunk=999)
        wanted = expected(model, shape, wave, found)
        if exact:
            torch.testing.assert_close(joined(found), wanted, atol=2e-4, rtol=2e-4)
        else:
            assert compare(joined(found), wanted, 10.0).ok


def test_verify_runs_a_packet(exported):
    _, result = exported
    assert verify(result.folder).ok
    outputs = [o["name"] for o in manifest.trusted(result.folder)["artifacts"][0]["outputs"]]
    assert outputs == ["embedding", "heard"]


def test_manifest_says_how_to_drive_it(exported):
    _, result = exported
    entries = {e["file"]: e for e in manifest.read(result.folder)["artifacts"]}
    onnx, pte = entries["encoder.stream.int8.onnx"], entries["encoder.stream.fp32.pte"]
    assert onnx["input"]["shape"] == ["batch", 1280] and pte["input"]["name"] == "packet"
    stream = pte["stream"]
    assert (stream["packet_ms"], stream["packets"], stream["slice_frames"]) == (80.0, 12, 8)
    assert stream["window_samples"] == WINDOW and stream["delay_samples"] == 0
    assert [s["input"] for s in stream["state"]] == ["past", "summaries"]
    assert stream["state"][0]["shape"] == [1, PAST]


def test_bench_times_a_packet(exported):
    _, result = exported
    rows = bench(result.folder, runs=2, warm_up=0)
    assert rows[0].artifact == "eager stream" and len(rows) == 5
    assert {(row.input, row.window_ms) for row in rows} == {("stream", 80.0)}


def test_only_stream_artifacts_are_opened(exported, tmp_path):
    _, result = exported
    with pytest.raises(UserError, match=r"encoder\.stream\.fp32\.pte"):
        Stream.open(result.folder / "encoder.waveform.fp32.pte")
    with pytest.raises(UserError, match=r"manifest\.json"):
        Stream.open(tmp_path / "encoder.stream.fp32.pte")


def test_int8_is_in_the_graph(exported):
    _, result = exported
    sizes = {a.path.name: a.bytes for a in result.artifacts}
    for suffix in ("pte", "onnx"):
        saved = sizes[f"encoder.stream.fp32.{suffix}"] - sizes[f"encoder.stream.int8.{suffix}"]
        assert saved > 20_000, json.dumps(sizes)
