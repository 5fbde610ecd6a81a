"""Steps of a clip: slices, the distance without shared samples, spans and negatives."""

from __future__ import annotations

import pytest
import torch

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.pretext.parts.steps import Steps, negatives, spans

FRONTEND = FrontendConfig()


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps(StepsConfig(), Encoder(EncoderConfig(width=0.25), 64), FRONTEND)


def test_default_clip_fits_in_a_window_of_96_frames():
    assert StepsConfig().clip_frames(FRONTEND) == 92


def test_slices_that_share_no_sample_are_three_steps_apart(steps):
    samples = torch.arange(FRONTEND.samples(92))[None]
    found = [set(part.tolist()) for part in steps.slices(samples)[0]]
    distance = StepsConfig().first_distance(FRONTEND)
    assert distance == 3
    assert all(not a & b for a, b in zip(found, found[distance:], strict=False))
    assert found[0] & found[distance - 1]


def test_slices_of_log_mel_and_of_samples_are_the_same_frames(steps):
    frames = torch.arange(92.0).expand(2, 1, 64, 92)
    assert steps.slices(frames).shape == (2, 22, 1, 64, 8)
    assert steps.slices(frames)[1, 5, 0, 0].tolist() == list(range(20, 28))
    first_samples = steps.slices(torch.arange(FRONTEND.samples(92))[None])[0, :, 0]
    assert first_samples.tolist() == [640 * step for step in range(22)]


def test_middles_are_the_hops_in_the_middle_of_the_slices(steps):
    frames = torch.arange(92.0).expand(2, 3, 92)
    middles = steps.middles(frames)
    assert middles.shape == (2, 22, 3, 4)
    assert middles[1, 5, 2].tolist() == [22, 23, 24, 25]  # of the slice 20..27


def test_encoding_a_batch_is_encoding_each_slice(steps, rng):
    encoder = Encoder(EncoderConfig(width=0.25), 64).eval()
    logmel = torch.randn(2, 1, 64, 92, generator=rng)
    whole = steps.encode(encoder, logmel)
    alone = encoder(logmel[1:, ..., 28:36])[0]
    torch.testing.assert_close(whole[1, 7], alone)


def test_crop_is_a_part_of_each_clip(steps, rng):
    frames = torch.arange(120.0).expand(50, 1, 64, 120)
    firsts = steps.crop(frames, rng)[:, 0, 0, 0]
    assert firsts.min() >= 0 and firsts.max() <= 28 and len(set(firsts.tolist())) > 10
    samples = torch.arange(20_000.0).expand(3, -1)
    assert steps.crop(samples, rng).diff(dim=1).eq(1).all()


def test_spans_are_whole_and_as_many_as_the_share_says(rng):
    marked = spans(200, 22, 0.14, 5, rng)
    for row in marked.int().tolist():
        runs = [len(run) for run in "".join(map(str, row)).split("0") if run]
        assert min(runs) >= 5
    counts = marked.sum(dim=1)
    assert counts.max() <= 15 and 0.4 < counts.float().mean() / 22 < 0.6


def test_there_is_always_one_span(rng):
    assert spans(50, 22, 0.0, 5, rng).sum(dim=1).eq(5).all()


def test_negatives_are_uniform_over_all_others(rng):
    positives = torch.arange(6).reshape(2, 3)  # of 2 clips of 3 steps
    of_clip = negatives(positives, 3, 2, 6000, rng, "clip")
    of_batch = negatives(positives, 3, 2, 6000, rng, "batch")
    for place in range(6):
        clip, batch = of_clip.flatten(0, 1)[place], of_batch.flatten(0, 1)[place]
        others = {p for p in range(6) if p // 3 == place // 3} - {place}
        assert set(clip.tolist()) == others
        assert set(batch.tolist()) == set(range(6)) - {place}
        assert batch.bincount(minlength=6).max() < 1400 and clip.bincount().max() < 3300


def test_hop_longer_than_a_slice_is_refused():
    with pytest.raises(UserError, match=r"hop_ms 200.*expected 1 to 8, such as --pretext.hop-ms"):
        StepsConfig(hop_ms=200).clip_frames(FRONTEND)
