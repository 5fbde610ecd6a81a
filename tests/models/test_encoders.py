from __future__ import annotations

from dataclasses import asdict, replace
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.bodies import ENCODERS
from tiny_audio_ssl.models.encoder_config import EncoderConfig, Pooling, readout_text
from tiny_audio_ssl.models.encoders import Encoder, WaveformEncoder, multiply_adds, parameter_count
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig

BANDS = 64


@pytest.fixture(params=get_args(Pooling))
def pooling(request):
    return request.param


@pytest.fixture
def encoder(encoder_name, pooling):
    torch.manual_seed(0)
    return Encoder(EncoderConfig(encoder_name, width=0.25, pooling=pooling), BANDS).eval()


@pytest.mark.parametrize("frames", [1, 2, 31, 32, 33, 96, 1000])
def test_any_length_gives_an_embedding(encoder, frames, rng):
    logmel = torch.randn(3, 1, BANDS, frames, generator=rng)
    assert encoder(logmel).shape == (3, encoder.feature_dim)
    assert encoder.frames(logmel).shape == (
        3,
        -(-frames // 2**encoder.halvings),
        encoder.feature_dim,
    )


def test_batched_equals_single(encoder, rng):
    logmel = torch.randn(4, 1, BANDS, 96, generator=rng)
    alone = torch.cat([encoder(row[None]) for row in logmel])
    torch.testing.assert_close(encoder(logmel), alone, rtol=1e-4, atol=1e-5)


def test_frames_of_one_column_are_the_embedding(encoder, rng):
    logmel = torch.randn(2, 1, BANDS, 2**encoder.halvings - 3, generator=rng)
    torch.testing.assert_close(encoder.frames(logmel)[:, 0], encoder(logmel))


def test_long_input_is_encoded_in_slices(encoder_name, pooling, rng):
    torch.manual_seed(0)
    plain = Encoder(EncoderConfig(encoder_name, pooling=pooling), BANDS).eval()
    sliced = Encoder(EncoderConfig(encoder_name, pooling=pooling, slice_frames=32), BANDS).eval()
    sliced.load_state_dict(plain.state_dict())
    logmel = torch.randn(2, 1, BANDS, 80, generator=rng)
    one = logmel[..., :32]
    torch.testing.assert_close(sliced(one), plain(one))
    torch.testing.assert_close(sliced(one[..., :20]), plain(one[..., :20]))
    # 80 frames: 0..31, 32..63, and the last 32
    slices = [logmel[..., start : start + 32] for start in (0, 32, 48)]
    columns = torch.cat([plain.body(piece) for piece in slices], dim=3)
    torch.testing.assert_close(sliced.maps(logmel)[1], columns, rtol=1e-4, atol=1e-5)
    frames = torch.cat([plain.frames(piece) for piece in slices], dim=1)
    torch.testing.assert_close(sliced.frames(logmel), frames, rtol=1e-4, atol=1e-5)


def test_about_a_tenth_of_a_million_parameters(encoder_name, pooling, rng):
    encoder = Encoder(EncoderConfig(encoder_name, pooling=pooling), BANDS).eval()
    assert 60_000 < parameter_count(encoder) < 130_000
    counted = multiply_adds(encoder, torch.randn(1, 1, BANDS, 96, generator=rng))
    others = {"separable": 10e6, "dense": 4.3e6, "shared": 4.7e6}
    assert counted < others.get(encoder_name, 3.2e6)


def test_multiply_adds_are_those_of_pytorchs_own_counter(encoder_name, rng):
    model = WaveformEncoder(LogMel(FrontendConfig()), Encoder(EncoderConfig(encoder_name), BANDS))
    sound = torch.randn(1, 15_600, generator=rng)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(sound)
    assert multiply_adds(model, sound) == counter.get_total_flops() // 2 > 0


def test_multiply_adds_of_a_known_layer(rng):
    layer = torch.nn.Conv2d(3, 5, (3, 1), padding=(1, 0), bias=False)
    assert multiply_adds(layer, torch.randn(1, 3, 8, 10, generator=rng)) == 3 * 5 * 3 * 80


def test_width_and_embedding_size(encoder_name, rng):
    small = Encoder(EncoderConfig(encoder_name, width=0.5, projection_dim=40), BANDS)
    assert small(torch.randn(2, 1, BANDS, 40, generator=rng)).shape == (2, 40)
    full = Encoder(EncoderConfig(encoder_name), BANDS)
    assert parameter_count(small) < 0.6 * parameter_count(full)


def test_group_norm_does_not_look_across_the_batch(encoder_name, rng):
    encoder = Encoder(EncoderConfig(encoder_name, norm="group"), BANDS).train()
    logmel = torch.randn(4, 1, BANDS, 32, generator=rng)
    torch.testing.assert_close(encoder(logmel)[:1], encoder(logmel[:1]), rtol=1e-4, atol=1e-5)


def test_waveform_encoder_embeds_waveforms(encoder, rng):
    model = WaveformEncoder(LogMel(), encoder).eval()
    assert model(0.1 * torch.randn(2, 400, generator=rng)).shape == (2, encoder.embedding_dim)


def test_readout_concatenates_its_parts(encoder_name, rng):
    parts = ("mel", "last", "middle")  # in any order
    encoder = Encoder(EncoderConfig(encoder_name, readout=parts, slice_frames=32), BANDS).eval()
    logmel = torch.randn(2, 1, BANDS, 70, generator=rng)
    embedding = encoder.embed(logmel)
    assert embedding.shape == (2, encoder.embedding_dim)
    last, rest = embedding[:, : encoder.feature_dim], embedding[:, encoder.feature_dim :]
    torch.testing.assert_close(last, encoder(logmel))
    x = logmel[:, 0].double()
    change = (x[..., 1:] - x[..., :-1]).abs().mean(2)
    mel = torch.cat([x.mean(2), x.std(2, correction=0), x.max(2).values, change], dim=1)
    torch.testing.assert_close(rest[:, -4 * BANDS :].double(), mel, rtol=1e-4, atol=1e-5)
    until_middle = encoder.body[: encoder.middle + 1]
    slices = torch.cat([until_middle(logmel[..., s : s + 32]) for s in (0, 32, 38)], dim=3)
    middle = slices.mean(dim=3).flatten(1)
    torch.testing.assert_close(rest[:, : -4 * BANDS], middle, rtol=1e-4, atol=1e-5)


def test_middle_on_a_logarithmic_scale(encoder_name, rng):
    readout = ("last", "middle", "mel")
    plain = Encoder(EncoderConfig(encoder_name, readout=readout), BANDS).eval()
    config = EncoderConfig(encoder_name, readout=readout, middle_scale="log")
    log = Encoder(config, BANDS).eval()
    log.load_state_dict(plain.state_dict())
    logmel = torch.randn(2, 1, BANDS, 70, generator=rng)
    middle = slice(plain.feature_dim, plain.learned_dim)
    expected = plain.embed(logmel)
    expected[:, middle] = expected[:, middle].double().log1p().float()
    torch.testing.assert_close(log.embed(logmel), expected)


def test_cosine_coefficients_are_those_of_scipy(encoder_name, rng):
    from scipy.fft import dct

    readout = ("last", "middle", "mel")
    plain = Encoder(EncoderConfig(encoder_name, readout=readout), BANDS).eval()
    few = Encoder(EncoderConfig(encoder_name, readout=readout, middle_dct=3, mel_dct=5), BANDS)
    few.load_state_dict(plain.state_dict())
    logmel = torch.randn(2, 1, BANDS, 70, generator=rng)
    found, full = few.eval().embed(logmel), plain.embed(logmel).detach().double().numpy()
    assert found.shape == (2, few.embedding_dim)
    middle, mel = full[:, plain.feature_dim : plain.learned_dim], full[:, plain.learned_dim :]
    expected = [
        full[:, : plain.feature_dim],
        dct(middle.reshape(2, plain.middle_channels, -1), norm="ortho")[..., :3].reshape(2, -1),
        dct(mel.reshape(2, 4, BANDS), norm="ortho")[..., :5].reshape(2, -1),
    ]
    assert few.learned_dim == few.embedding_dim - 4 * 5
    np.testing.assert_allclose(
        found.detach().numpy(), np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4
    )


def test_more_cosine_coefficients_than_rows_are_all_there_are():
    config = EncoderConfig(readout=("last", "middle", "mel"))
    all_rows = Encoder(replace(config, middle_dct=1000, mel_dct=1000), BANDS)
    assert all_rows.embedding_dim == Encoder(config, BANDS).embedding_dim


def test_readout_in_words():
    def words(readout, **settings):
        return readout_text(asdict(EncoderConfig(readout=readout, **settings)))

    assert words(("last", "middle"), middle_scale="log") == "last middle (log(1 + middle))"
    assert words(("last", "mel"), middle_scale="log", middle_dct=4) == "last mel"
    assert words(("last", "middle", "mel"), middle_scale="log", middle_dct=4, mel_dct=24) == (
        "last middle (log(1 + middle), 4 cosine coefficients) mel (24 cosine coefficients)"
    )
    assert readout_text({"name": "mobile", "readout": ["last"]}) == "last"  # of an old export


def test_logarithm_of_maps_that_may_be_negative_is_refused():
    def body(config):
        made = ENCODERS["mobile"](config)
        return replace(made, blocks=nn.Sequential(*made.blocks, nn.Identity()))

    with pytest.raises(UserError, match="does not end in a ReLU; choose linear"):
        Encoder(EncoderConfig(middle_scale="log"), BANDS, body)


def test_single_frame_can_be_read(encoder_name, rng):
    encoder = Encoder(EncoderConfig(encoder_name), BANDS).eval()
    assert encoder.embed(torch.randn(1, 1, BANDS, 1, generator=rng)).isfinite().all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "resnet"},
        {"readout": ()},
        {"readout": ("first",)},
        {"width": 0.0},
        {"projection_dim": 0},
        {"slice_frames": 0},
        {"middle_dct": 0},
        {"mel_dct": -1},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError):
        EncoderConfig(**wrong)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match="mobile, separable"):
        EncoderConfig("resnet")


@pytest.mark.parametrize("slice_frames", [None, 16, 33])
@pytest.mark.parametrize("frames", [1, 16, 96, 97])
def test_columns_are_those_of_the_maps(encoder_name, frames, slice_frames):
    encoder = Encoder(EncoderConfig(encoder_name, width=0.25, slice_frames=slice_frames), bands=64)
    _, maps = encoder.eval().maps(torch.zeros(1, 1, 64, frames))
    assert encoder.columns(frames) == maps.shape[3]
