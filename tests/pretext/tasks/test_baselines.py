"""Autoencoder, triplet and COLA against slow, literal transcriptions of their papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.parts import augment
from tiny_audio_ssl.pretext.tasks.triplet import semi_hard

FRONTEND = FrontendConfig()
CLIPS = 6


def make(task_name, **settings):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig("separable"), FRONTEND.bands).eval()
    kind = PRETEXTS[task_name]
    return kind(kind.Config(**settings), encoder, FRONTEND).eval(), encoder


def named_clips(frames):
    """A clip whose value names its clip, band and frame, so that a cut shows where it came from."""
    clip = torch.arange(CLIPS)[:, None, None, None] * 1000.0
    band = torch.arange(FRONTEND.bands)[None, None, :, None] * 0.01
    return clip + band + torch.arange(frames)[None, None, None, :]


def sounds(rng, frames=86):
    """Clips that differ from each other, with slices that differ within a clip."""
    level = torch.randn(CLIPS, 1, FRONTEND.bands, 1, generator=rng)
    return level + 0.5 * torch.randn(CLIPS, 1, FRONTEND.bands, frames, generator=rng)


def where_from(slices, clips):
    """First frame of each slice in the clip of the same index; fails if it is not from there."""
    starts = []
    for piece, clip in zip(slices, clips, strict=True):
        start = int((piece[0, 0, 0] - clip[0, 0, 0]).item())
        assert torch.equal(piece, clip[:, :, start : start + piece.shape[2]])
        starts.append(start)
    return starts


def test_autoencoder(rng):
    """Encode a slice, decode it: mean squared error with the slice itself."""
    task, encoder = make("autoencoder", slice_ms=335)
    clips = named_clips(60)
    slices = task.draw(clips, rng)["slice"]
    assert slices.shape == (CLIPS, 1, 64, 32)
    assert len(set(where_from(slices, clips))) > 1
    small = slices / 1000
    errors = []
    for piece in small:
        reconstruction = task.decoder(encoder(piece[None]))[0]
        errors.append(((reconstruction - piece) ** 2).mean().item())
    np.testing.assert_allclose(
        task(encoder, slice=small)["loss"].item(), np.mean(errors), rtol=1e-4
    )


@pytest.mark.parametrize("task_name", ["triplet", "cola"])
def test_anchor_and_positive_are_two_slices_of_one_clip(task_name, rng):
    task, _ = make(task_name, clip_ms=875, slice_ms=335)
    clips = named_clips(86)
    inputs = task.draw(clips, rng)
    anchors, positives = (where_from(inputs[k], clips) for k in ("anchor", "positive"))
    assert anchors != positives
    many = [task.draw(clips, rng)["positive"][0, 0, 0, 0].item() for _ in range(600)]
    assert min(many) == 0 and max(many) == 86 - 32  # all of the clip, both ends


def unit(vector):
    return [v / math.sqrt(sum(x * x for x in vector)) for v in vector]


def squared_distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("margin", [0.05, 0.5])
def test_triplet(rng, margin):
    """[|g(a) - g(p)|^2 - |g(a) - g(n)|^2 + delta]_+, |g| = 1, the semi-hard n of the batch."""
    task, encoder = make("triplet", margin=margin)
    inputs = task.draw(sounds(rng), rng)
    anchors, positives = (
        [unit(encoder(piece[None])[0].tolist()) for piece in inputs[k]]
        for k in ("anchor", "positive")
    )
    losses = []
    for i, a in enumerate(anchors):
        near = squared_distance(a, positives[i])
        others = sorted(squared_distance(a, p) for j, p in enumerate(positives) if j != i)
        further = [d for d in others if d > near]
        negative = further[0] if further else others[-1]
        losses.append(max(0.0, near - negative + margin))
    assert any(losses)
    found = task(encoder, **inputs)["loss"].item()
    np.testing.assert_allclose(found, np.mean(losses), rtol=1e-3, atol=1e-6)


def test_semi_hard_negative():
    distance = torch.tensor(
        [
            [0.5, 0.6, 0.1, 0.9],  # nearest of those further than 0.5
            [0.2, 0.3, 0.1, 0.25],  # none is further: the furthest of the others
            [1.0, 0.7, 0.6, 0.6],  # as near as the positive is not further
            [0.1, 0.2, 0.3, 0.0],
        ]
    )
    assert semi_hard(distance).tolist() == [1, 3, 1, 0]


def test_triplet_loss_of_separate_and_of_equal_clips(rng):
    """Slices of a clip alike and clips at right angles: nothing to lose. All alike: the margin."""
    task, encoder = make("triplet", margin=0.2)
    same = torch.zeros(CLIPS, 1, 64, 32)
    alike = task(encoder, anchor=same, positive=same)
    np.testing.assert_allclose(alike["loss"].item(), 0.2, atol=1e-5)
    apart = torch.eye(CLIPS)
    task_of = lambda x: apart.repeat(2, 1)  # noqa: E731 - an encoder that knows the clips
    told = task(task_of, anchor=same, positive=same)
    assert told["loss"].item() == 0 and told["nearest"].item() == 1


def test_cola(rng):
    """-log exp(s(x, x+)) / (exp s(x, x+) + sum over x- of exp s(x, x-)), s(x, x') = g(x)' W g(x').

    g is a linear layer, layer normalization and tanh on the encoder's output.
    """
    task, encoder = make("cola", projection_dim=16)
    inputs = task.draw(sounds(rng), rng)
    linear, norm = task.project[0], task.project[1]
    w = task.similarity.weight.detach().double().numpy() / math.sqrt(16)

    def g(piece):
        h = linear(encoder(piece[None]))[0].detach().double().numpy()
        scaled = (h - h.mean()) / np.sqrt(h.var() + norm.eps)
        return np.tanh(scaled * norm.weight.detach().numpy() + norm.bias.detach().numpy())

    anchors, positives = ([g(p) for p in inputs[k]] for k in ("anchor", "positive"))
    losses, right = [], 0
    for i, a in enumerate(anchors):
        s = [a @ w @ p for p in positives]
        losses.append(-math.log(math.exp(s[i]) / sum(math.exp(x) for x in s)))
        right += max(range(CLIPS), key=s.__getitem__) == i
    out = task(encoder, **inputs)
    np.testing.assert_allclose(out["loss"].item(), np.mean(losses), rtol=1e-4)
    np.testing.assert_allclose(out["accuracy"].item(), right / CLIPS, rtol=1e-5)


def test_cola_augments_both_slices_and_only_if_asked(rng):
    clips = sounds(rng)
    plain, mixed, both = (
        make("cola", **settings)[0].draw(clips, torch.Generator().manual_seed(3))
        for settings in ({}, {"mixup": 0.4}, {"mixup": 0.4, "resize": True})
    )
    again = torch.Generator().manual_seed(3)
    starts = torch.randint(0, 86 - 32 + 1, (2 * CLIPS,), generator=again)[:CLIPS]
    cut = torch.stack([c[..., s : s + 32] for c, s in zip(clips, starts, strict=True)])
    assert torch.equal(plain["anchor"], cut)  # without options, audio as it is
    assert torch.equal(mixed["anchor"], augment.mixup(cut, again, largest=0.4))
    for name in ("anchor", "positive"):
        assert both[name].shape == plain[name].shape
        for one, other in ((plain, mixed), (mixed, both)):
            changed = (one[name] != other[name]).flatten(1).any(dim=1)
            assert changed.float().mean() > 0.5


def test_slice_as_long_as_its_clip_is_an_error():
    for name in ("triplet", "cola"):
        with pytest.raises(UserError, match="shorter"):
            PRETEXTS[name].Config(clip_ms=500, slice_ms=500)
