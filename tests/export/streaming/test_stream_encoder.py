"""Streams equal the offline model on the same sound, however the sound is cut."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from support.runs import chord
from support.streams import eager, expected, joined, pushed, small, sound

from tiny_audio_ssl import UserError
from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.export.streaming.packet_frontend import packet_frontend
from tiny_audio_ssl.export.streaming.sliding_encoder import stream_network
from tiny_audio_ssl.export.streaming.stream_encoder import (
    StreamEncoder,
    StreamShape,
    stream_shape,
)
from tiny_audio_ssl.models.bodies import is_conv
from tiny_audio_ssl.models.encoder_config import Pooling
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig


@pytest.mark.parametrize("pooling", get_args(Pooling))
@pytest.mark.parametrize("readout", ["last", "middle", "mel", "last middle mel"])
@pytest.mark.parametrize("packet_ms", [80, 320])
def test_every_embedding_is_the_offline_models(encoder_name, pooling, readout, packet_ms):
    model = small(encoder_name, 16, pooling=pooling, readout=tuple(readout.split()))
    shape = stream_shape(model, packet_ms, WINDOW_SAMPLES)
    found = list(eager(model, shape).push(sound()))
    assert len(found) == 48_000 // (16 * packet_ms) > 2 * shape.packets
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(), found), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_an_encoder_of_whole_windows_reads_the_last_slice(pooling):
    model = small("dense", 96, pooling=pooling, readout=("last", "middle", "mel"))
    shape = stream_shape(model, 160, WINDOW_SAMPLES)
    assert shape.is_sliding and shape.slice_frames == 96
    found = list(eager(model, shape).push(sound()))
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(), found), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("slice_frames", [16, 96])
@pytest.mark.parametrize(
    "parts",
    [
        {"readout": ("last", "middle")},
        {"readout": ("last", "middle", "mel"), "middle_dct": 3, "mel_dct": 5},
    ],
    ids=["all rows", "cosines"],
)
def test_middle_on_a_logarithmic_scale(slice_frames, parts):
    model = small("dense", slice_frames, middle_scale="log", **parts)
    shape = stream_shape(model, 160, WINDOW_SAMPLES)
    found = list(eager(model, shape).push(sound()))
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(), found), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("projection_dim", [None, 24])
def test_linear_layer_behind_the_pooling(projection_dim):
    model = small(projection_dim=projection_dim)
    shape = stream_shape(model, 160, WINDOW_SAMPLES)
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
    shape = stream_shape(model, 80, WINDOW_SAMPLES)
    whole = list(eager(model, shape).push(wave))
    pcm = (wave * 32768).astype(np.int16) if dtype == np.int16 else wave.astype(dtype)
    cut = pushed(eager(model, shape), pcm, chunk)
    assert [e.end_sample for e in cut] == [1280 * (i + 1) for i in range(15)]
    assert [e.start_sample for e in cut] == [e.start_sample for e in whole]
    torch.testing.assert_close(joined(cut), joined(whole), atol=0, rtol=0)


def test_a_window_passes_and_reset_forgets():
    model = small()
    shape = stream_shape(model, 80, WINDOW_SAMPLES)
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
    shape = stream_shape(model, 960, WINDOW_SAMPLES)
    assert shape == StreamShape(96, 96, 1)
    found = list(eager(model, shape).push(sound()))
    torch.testing.assert_close(
        joined(found), expected(model, shape, sound(), found), atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"window_ms": 32, "hop_ms": 8, "bands": 40}, {"window_ms": 20, "hop_ms": 12.5}],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_front_end_of_a_packet_gives_the_same(settings, batch, rng):
    frontend = LogMel(FrontendConfig(**settings))
    frontend.mean.normal_(generator=rng)
    frontend.inverse_std.uniform_(0.5, 2, generator=rng)
    waveform = 0.1 * torch.randn(batch, frontend.config.samples(8), generator=rng)
    made = packet_frontend(frontend, 8)
    assert made is not frontend
    torch.testing.assert_close(made(waveform), frontend(waveform), atol=1e-5, rtol=1e-5)


def test_a_step_of_several_slices_gives_what_shorter_packets_give():
    model = small("dense")
    shorter = stream_shape(model, 80, WINDOW_SAMPLES)
    longer = stream_shape(model, 320, WINDOW_SAMPLES, slice_ms=80)
    assert longer == StreamShape(32, 8, 3)
    each = joined(list(eager(model, shorter).push(sound())))
    torch.testing.assert_close(
        joined(list(eager(model, longer).push(sound()))), each[3::4], atol=2e-5, rtol=1e-4
    )


def test_kernels_have_no_columns_that_meet_only_padding():
    network = StreamEncoder(small("dense"), StreamShape(8, 8, 12))
    kernels = [layer.kernel_size for layer in network.maps.modules() if is_conv(layer)]
    assert kernels == [(7, 7), (3, 2), (3, 1), (3, 1)]


@pytest.mark.parametrize("shape", [StreamShape(8, 8, 12), StreamShape(8, 96, 12)])
def test_batch_items_are_streams_of_their_own(shape):
    network = stream_network(small(), shape)
    packets = [torch.from_numpy(chord(i, 0.08)[None]).float() for i in range(2)]
    both = network(torch.cat(packets), *network.start(2)[1:])
    for i, packet in enumerate(packets):
        for one, two in zip(network(packet, *network.start()[1:]), both, strict=True):
            torch.testing.assert_close(one, two[i : i + 1], atol=1e-5, rtol=1e-5)
    if not shape.is_sliding:
        assert both[1].tolist() == [[1.0], [1.0]]  # packets that were heard


@pytest.mark.parametrize(
    ("own", "packet_ms", "shape"),
    [
        (None, None, (32, 32, 3)),
        (66, None, (32, 64, 2)),  # COLA's: most of the window, which is one slice then
        (96, 80, (8, 96, 12)),
        (96, None, (32, 96, 3)),
        (32, 160, (16, 16, 6)),
        (16, None, (16, 16, 6)),
        (16, 80, (8, 8, 12)),
        (16, 320, (32, 16, 3)),  # whole slices: the checkpoint as it is
        (16, 200, (20, 20, 5)),
    ],
)
def test_packets_are_whole_slices(own, packet_ms, shape):
    assert stream_shape(small(slice_frames=own), packet_ms, WINDOW_SAMPLES) == StreamShape(*shape)


@pytest.mark.parametrize("packet_ms", [85.0, 10.0, 0.0, -80.0, float("nan"), 1000.0])
def test_packets_that_cannot_be(packet_ms):
    with pytest.raises(UserError, match="--packet-ms"):
        stream_shape(small(), packet_ms, WINDOW_SAMPLES)


@pytest.mark.parametrize("slice_ms", [85.0, 10.0, 240.0])
def test_slices_that_cannot_be(slice_ms):
    with pytest.raises(UserError, match="--slice-ms"):
        stream_shape(small(), 320, WINDOW_SAMPLES, slice_ms)


@pytest.mark.parametrize(
    ("pcm", "said"),
    [
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([0.0, np.inf], np.float32), "infinite"),
        (np.zeros((2, 1280), np.float32), r"\[2, 1280\]"),
        (np.zeros(1280, np.int32), "int32"),
    ],
)
def test_bad_sound_is_refused_and_nothing_of_it_taken(pcm, said):
    model = small()
    stream = eager(model, stream_shape(model, 80, WINDOW_SAMPLES))
    with pytest.raises(UserError, match=said):
        stream.push(pcm)
    assert next(stream.push(np.zeros(1280, np.float32))).end_sample == 1280
