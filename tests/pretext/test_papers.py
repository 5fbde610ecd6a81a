"""Each task against a slow, literal transcription of its paper (arXiv 1905.11796, section 3)."""

from __future__ import annotations

import math

import numpy as np
import torch

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS

FRONTEND = FrontendConfig()


def make(task_name, **settings):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig("separable"), FRONTEND.bands).eval()
    kind = PRETEXTS[task_name]
    return kind(kind.Config(**settings), encoder, FRONTEND).eval(), encoder


def clips_of(count, frames):
    """A clip whose value names its clip, band and frame, so that a cut shows where it came from."""
    clip = torch.arange(count)[:, None, None, None] * 1000.0
    band = torch.arange(FRONTEND.bands)[None, None, :, None] * 0.01
    return clip + band + torch.arange(frames)[None, None, None, :]


def test_temporal_gap(rng):
    """Delta = |i - j| / (T_max - N); L = -Delta log p - (1 - Delta) log(1 - p)."""
    task, encoder = make("temporal-gap", clip_ms=875, slice_ms=335)
    length, total = 32, 86
    clips = clips_of(6, total)
    inputs = task.draw(clips, rng)
    expected = []
    for b in range(6):
        i, j = (int(inputs[name][b, 0, 0, 0]) - 1000 * b for name in ("first", "second"))
        assert 0 <= i <= total - length and 0 <= j <= total - length
        assert torch.equal(inputs["first"][b], clips[b, :, :, i : i + length])
        assert torch.equal(inputs["second"][b], clips[b, :, :, j : j + length])
        delta = abs(i - j) / (total - length)
        np.testing.assert_allclose(inputs["gap"][b], delta, rtol=1e-6)
        drawn_b = {k: v[b : b + 1] / 1000 for k, v in inputs.items() if k != "gap"}
        z = torch.cat([encoder(drawn_b["first"]), encoder(drawn_b["second"])], dim=1)
        hidden = torch.relu(task.head[0](z))
        p = 1 / (1 + math.exp(-task.head[2](hidden).item()))
        expected.append(-delta * math.log(p) - (1 - delta) * math.log(1 - p))
    small = {k: v / 1000 if k != "gap" else v for k, v in inputs.items()}
    np.testing.assert_allclose(task(encoder, **small)["loss"].item(), np.mean(expected), rtol=1e-4)


def test_temporal_gap_draws_uniformly():
    """i and j are uniform and independent: E|i - j| / (T - N) is 1/3 (+ 2 / (3 n) for n places)."""
    task, _ = make("temporal-gap", clip_ms=875, slice_ms=335)
    rng = torch.Generator().manual_seed(5)
    gap = task.draw(clips_of(4000, 86), rng)["gap"]
    places = 86 - 32 + 1
    assert abs(gap.mean().item() - (places + 1) / (3 * places)) < 0.01


def slices_by_hand(clip, start, length, gap, context):
    """X_(-P) ... X_(P): slices of N frames, G frames apart."""
    return [clip[:, start + k * (length + gap) :][:, :length] for k in range(2 * context + 1)]


def check_slices(task, inputs, clips, length, gap, context):
    for b, clip in enumerate(clips[:, 0]):
        start = int(inputs["context"][b, 0, 0, 0]) - 1000 * b
        by_hand = slices_by_hand(clip, start, length, gap, context)
        middle = by_hand.pop(context)
        assert torch.equal(inputs["middle"][b, 0], middle)
        assert torch.equal(inputs["context"][b], torch.stack(by_hand))


def test_audio2vec_cbow(rng):
    """Encode each slice around the middle one, concatenate, decode: mean squared error with it."""
    task, encoder = make("audio2vec-cbow", slice_ms=175, gap_ms=20, context=2)
    clips = clips_of(3, 95)
    inputs = task.draw(clips, rng)
    check_slices(task, inputs, clips, length=16, gap=2, context=2)
    small = {k: v / 1000 for k, v in inputs.items()}
    errors = []
    for b in range(3):
        z = [encoder(small["context"][b, p][None, None]) for p in range(4)]
        reconstruction = task.decoder(torch.cat(z, dim=1))
        errors.append(((reconstruction - small["middle"][b]) ** 2).mean().item())
    np.testing.assert_allclose(task(encoder, **small)["loss"].item(), np.mean(errors), rtol=1e-4)


def test_audio2vec_skip_gram(rng):
    """Encode the middle slice alone, decode the 2P slices around it: mean squared error."""
    task, encoder = make("audio2vec-skipgram", slice_ms=175, gap_ms=20, context=2)
    clips = clips_of(3, 95)
    inputs = task.draw(clips, rng)
    check_slices(task, inputs, clips, length=16, gap=2, context=2)
    small = {k: v / 1000 for k, v in inputs.items()}
    errors = []
    for b in range(3):
        reconstruction = task.decoder(encoder(small["middle"][b][None]))[0]
        for p in range(4):
            errors.append(((reconstruction[p] - small["context"][b, p]) ** 2).mean().item())
    np.testing.assert_allclose(task(encoder, **small)["loss"].item(), np.mean(errors), rtol=1e-4)


def test_decoder_mirrors_the_encoder():
    task, encoder = make("audio2vec-cbow", slice_ms=975)
    assert task.decoder.shapes == [(2, 3), (4, 6), (8, 12), (16, 24), (32, 48), (64, 96)]
    widths = [block[0][0].in_channels for block in task.decoder.blocks]
    assert widths == [128, 64, 32, 16, 8]  # the encoder's 8-16-32-64-128, reversed
    assert encoder.channels == 128
