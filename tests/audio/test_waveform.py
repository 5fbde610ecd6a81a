"""One rule for samples: the same arrays pass, or are refused, at every way in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.audio_files import noise, write

from tiny_audio_ssl import UserError, hear
from tiny_audio_ssl.audio.io import AudioError, read, resample
from tiny_audio_ssl.audio.waveform import LOUDEST, as_waveform, check, full_scale_of
from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.embedding.mel_statistics import MelStatistics, get_scene_embeddings
from tiny_audio_ssl.evaluation.probing.in_windows import InWindows
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000
MODEL = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25, slice_frames=32))
EMBEDDER = Embedder(MODEL)
WINDOWS = InWindows(lambda wave: EMBEDDER.embed(wave), 15_600, EMBEDDER.dim, "windows", "")


def through_hear(wave):
    model = hear.CheckpointModel(MODEL)
    return hear.get_scene_embeddings(torch.from_numpy(wave.copy()), model).numpy()


def through_timestamps(wave):
    model = hear.CheckpointModel(MODEL)
    return hear.get_timestamp_embeddings(torch.from_numpy(wave.copy()), model)[0].numpy()


DOORS = {
    "embed": EMBEDDER.embed,
    "hear": through_hear,
    "timestamps": through_timestamps,
    "log-mel": LogMelStatistics().embed,
    "mel statistics": lambda wave: get_scene_embeddings(
        torch.from_numpy(wave.copy()), MelStatistics()
    ).numpy(),
    "windows": WINDOWS.embed,
}


@pytest.fixture(params=DOORS)
def door(request):
    return DOORS[request.param]


@pytest.mark.parametrize("peak", [1.0, 1.5, 3.9, 7.9])
def test_beyond_full_scale_is_kept_at_every_door(tmp_path: Path, door, peak: float) -> None:
    wave = noise(1).astype(np.float32)
    wave *= peak / np.abs(wave).max()
    write(tmp_path / "d/a.wav", wave, kind="float.wav")
    heard = read(tmp_path / "d/a.wav")
    np.testing.assert_array_equal(heard, wave)
    cached = open_cache(open_corpus(tmp_path / "d"), tmp_path / "cache", 1, progress=False).read(0)
    assert np.abs(cached - wave).max() <= full_scale_of(wave) / 32768
    found = door(heard[None])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(door(cached[None]), found, rtol=0.01, atol=0.02)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda wave: np.round(wave * 32767), "divide integers"),
        (lambda wave: wave * 128, "divide integers"),
        (lambda wave: wave * 1e30, "expected -1..1"),
        (lambda wave: np.where(wave > 0.2, np.nan, wave), "NaN"),
        (lambda wave: np.where(wave > 0.2, np.inf, wave), "NaN or infinite"),
        (lambda wave: np.stack([wave[0], wave[0]], 1), r"\[samples, channels\]"),
        (lambda wave: wave.T, r"\[samples, channels\]"),
        (lambda wave: np.repeat(wave.T, 6, 1), r"\[samples, channels\]"),
        (lambda wave: wave[None], "expected"),
        (lambda wave: wave[:, :0], "not empty"),
    ],
)
def test_what_every_door_refuses(door, wrong, said) -> None:
    wave = noise(1).astype(np.float32)[None]
    with pytest.raises(UserError, match=said):
        door(wrong(wave).astype(np.float32))


@pytest.mark.parametrize("given_as", [[[0.1, 0.2], [0.1]], "sound", None, [1 + 2j] * 500])
def test_what_is_no_array_of_floats_is_refused(given_as) -> None:
    with pytest.raises(UserError, match="expected floats"):
        as_waveform(given_as, "[samples]")


@pytest.mark.parametrize("rate_hz", [0, -16_000, float("nan"), float("inf"), 16])
def test_impossible_sample_rates_are_refused(rate_hz) -> None:
    with pytest.raises(UserError, match="sample rate"):
        EMBEDDER.embed(np.zeros(1000), sample_rate_hz=rate_hz)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.dtype(">f4")]),
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=60),
        elements=st.floats(width=16),
    )
)
def test_any_array_is_embedded_in_finite_numbers_or_refused(samples) -> None:
    try:
        found = EMBEDDER.embed(samples)
    except UserError as error:
        assert "expected" in str(error)
    else:
        assert np.isfinite(found).all() and np.abs(samples).max() <= LOUDEST
        assert found.shape == (*samples.shape[:-1], EMBEDDER.dim)


def test_tensors_and_arrays_have_the_same_rule() -> None:
    for samples in (np.full((2, 500), 9.0), np.full((2, 500), np.nan), np.zeros((500, 2))):
        for given_as in (samples, torch.from_numpy(samples)):
            with pytest.raises(UserError, match="expected"):
                check(given_as, "[batch, samples]")


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.5, -0.9, 2 / 32768])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_constant_is_silent(tmp_path: Path, offset: float, channels: int) -> None:
    path = write(tmp_path / "dead.wav", np.full((RATE, channels), offset))
    with pytest.raises(AudioError, match="silent"):
        read(path)
    assert len(read(path, 0, 0.5)) == RATE // 2


def test_quiet_sound_on_an_offset_is_read(tmp_path: Path) -> None:
    wave = 0.5 + 1e-3 * noise(1)
    assert len(read(write(tmp_path / "quiet.wav", wave))) == RATE


@pytest.mark.parametrize("turned", [[1, -1], [1, -0.9], [-1, 1, -1, 1]])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_channels_that_cancel_are_refused(tmp_path: Path, turned, offset: float) -> None:
    wave = noise(1)[:, None] * turned + offset
    wave += 0.001 * noise(1, seed=5)[:, None]
    with pytest.raises(AudioError, match="channels cancel each other"):
        read(write(tmp_path / "inverted.wav", 0.5 * wave))


@pytest.mark.parametrize("channels", [2, 4, 8])
def test_independent_and_single_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    apart = np.stack([noise(1, seed=seed) for seed in range(channels)], axis=1)
    alone = apart * np.eye(channels)[0]
    for wave in (apart, alone):
        heard = read(write(tmp_path / "x.wav", wave, kind="float.wav"))
        np.testing.assert_allclose(heard, wave.mean(axis=1), atol=1e-6)


def test_integers_in_the_channels_are_refused_though_they_cancel(tmp_path: Path) -> None:
    wave = 20_000 * noise(1)[:, None] * [1, -1]
    with pytest.raises(AudioError, match="divide integers"):
        read(write(tmp_path / "integers.wav", wave, kind="float.wav"))


def test_what_the_reader_gives_is_taken(tmp_path: Path) -> None:
    """Resampling raises peaks; what is then beyond the limit is refused by the reader itself."""
    square = np.sign(np.sin(2 * np.pi * 441 * np.arange(44_100) / 44_100) + 1e-9)
    for peak in (1.0, 7.0, 7.9):
        path = write(tmp_path / "square.wav", peak * square, 44_100, "float.wav")
        try:
            heard = read(path)
        except AudioError as error:
            assert "expected -1..1" in str(error)
            continue
        assert np.abs(heard).max() > peak
        assert np.isfinite(EMBEDDER.embed(heard)).all()


WAVE = np.sin(np.arange(64, dtype=np.float64))


@pytest.mark.parametrize(
    "same",
    [
        WAVE.astype(">f4"),
        WAVE.astype(">f8"),
        WAVE.astype(np.longdouble),
        WAVE[::-1].copy()[::-1],
        np.stack([WAVE, WAVE], 1)[:, 0],
        np.ma.array(WAVE),
        np.asmatrix(WAVE).A1,
        WAVE.tolist(),
        memoryview(WAVE),
        torch.from_numpy(WAVE),
    ],
    ids=lambda same: f"{type(same).__name__} {getattr(same, 'dtype', '')}",
)
def test_arrays_of_any_layout_are_the_same_sound(same):
    if isinstance(same, np.ndarray):
        same.flags.writeable = False
    found = as_waveform(same, "[samples]")
    assert found.dtype == np.float32 and found.dtype.isnative
    np.testing.assert_array_equal(found, WAVE.astype(np.float32))
    rows = np.asfortranarray(np.stack([found, found]))
    resampled = [resample(row, 8000) for row in rows]
    np.testing.assert_array_equal(resampled[0], resample(found, 8000))


@pytest.mark.parametrize(
    "other",
    [
        np.ma.array(WAVE, mask=np.arange(64) == 3),
        WAVE.astype(object),
        WAVE.astype(complex),
        WAVE.astype("U8"),
        WAVE > 0,
        np.zeros(64, [("left", "f4")]),
        np.array(0.5),
        0.5,
        None,
        "sound",
        [0.1, [0.2]],
    ],
    ids=str,
)
def test_what_is_no_sound_is_refused_in_words(other):
    with pytest.raises(UserError, match="waveform"):
        as_waveform(other, "[samples]", "[batch, samples]")
