"""BYOL-A's augmentations against slow, literal transcriptions of the papers."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tiny_audio_ssl.pretext.parts import augment

BANDS, FRAMES = 64, 96


@pytest.fixture
def logmel(rng):
    return torch.randn(6, 1, BANDS, FRAMES, generator=rng)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


AUGMENTATIONS = [augment.mixup, augment.random_resize_crop, augment.random_linear_fader]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_repeatable_and_edits_nothing(augmentation, logmel):
    before = logmel.clone()
    first, again = augmentation(logmel, generator(1)), augmentation(logmel, generator(1))
    other = augmentation(logmel, generator(2))
    assert torch.equal(logmel, before)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == logmel.shape and first.dtype == logmel.dtype
    assert not torch.equal(first, logmel)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_every_clip_has_its_own_draw(augmentation, logmel):
    alike = logmel[:2].flatten(0, 1)[:, None].repeat(3, 1, 1, 1)  # clips 0 1 0 1 0 1
    changed = augmentation(alike, generator())
    assert not torch.allclose(changed[0], changed[2], atol=1e-3)


def test_mixup(logmel):
    """x_i <- log((1 - lambda) exp(x_i) + lambda exp(x_k)), k another clip, lambda <= alpha."""
    logmel = logmel[:, :, :8, :8]
    mixed = augment.mixup(logmel, generator(), largest=0.4)
    x, m = logmel.double().exp(), mixed.double().exp()
    for i in range(len(x)):
        shares = []
        for k in set(range(len(x))) - {i}:
            share = ((m[i] - x[i]) / (x[k] - x[i])).median()  # if k was the background
            by_hand = torch.tensor(
                [
                    math.log((1 - share) * math.exp(a) + share * math.exp(b))
                    for a, b in zip(logmel[i].flatten(), logmel[k].flatten(), strict=True)
                ]
            )
            if torch.allclose(by_hand, mixed[i].flatten(), atol=1e-4):
                shares.append(share)
        assert len(shares) == 1 and 0 <= shares[0] <= 0.4


def test_mixup_of_one_clip_changes_nothing(logmel):
    torch.testing.assert_close(augment.mixup(logmel[:1], generator()), logmel[:1])


def test_mixup_uses_the_whole_range_of_shares():
    """Silence with a background of 0 (energy 1) becomes log(share)."""
    pair = torch.tensor([-30.0, 0.0])[:, None, None, None].expand(2, 1, 4, 4)
    draws = [augment.mixup(pair, generator(s), 0.4)[0, 0, 0, 0].exp().item() for s in range(300)]
    assert max(draws) <= 0.4 + 1e-6
    assert sum(draws) / len(draws) == pytest.approx(0.2, abs=0.02)


def resize_crop_by_hand(clip, i, j, h, w, boundary):
    """Copy into the middle of an empty virtual crop area, cut, resize."""
    bands, frames = clip.shape
    area = torch.zeros(int(bands * boundary[0]), int(frames * boundary[1]))
    y, x = (area.shape[0] - bands) // 2, (area.shape[1] - frames) // 2
    area[y : y + bands, x : x + frames] = clip
    crop = area[i : i + h, j : j + w]
    size = (bands, frames)
    return F.interpolate(crop[None, None], size, mode="bicubic", align_corners=True)[0, 0]


@pytest.mark.parametrize("boundary", [(1.0, 1.5), (1.25, 1.0)])
def test_random_resize_crop(boundary):
    """Exactly one rectangle, of all that are allowed, gives what was inputs."""
    bands, frames = 8, 12
    noise = torch.randn(8, 1, bands, frames, generator=generator(7))
    cropped = augment.random_resize_crop(noise, generator(5), boundary=boundary)
    high, wide = int(bands * boundary[0]), int(frames * boundary[1])
    sizes = set()
    for clip, got in zip(noise[:, 0], cropped[:, 0], strict=True):
        fits = [
            (h, w)
            for h in range(int(0.6 * bands), high + 1)
            for w in range(int(0.6 * frames), wide + 1)
            for i in range(high - h + 1)
            for j in range(wide - w + 1)
            if torch.allclose(resize_crop_by_hand(clip, i, j, h, w, boundary), got, atol=1e-4)
        ]
        assert len(fits) == 1
        sizes.add(fits[0])
    assert len(sizes) > 4


def test_crop_as_large_as_its_boundary_is_the_input(logmel):
    whole = augment.random_resize_crop(logmel, generator(), 1.0, 1.0, boundary=(1.0, 1.0))
    torch.testing.assert_close(whole, logmel, rtol=0, atol=1e-4)


def test_random_linear_fader(logmel):
    """y_ft = x_ft + a line from head to tail, both gain * U(-1, 1)."""
    faded = augment.random_linear_fader(logmel, generator(), gain=2.0)
    added = (faded - logmel)[:, 0]
    for line in added:
        head, tail = line[0, 0].item(), line[0, -1].item()
        assert abs(head) <= 2 and abs(tail) <= 2
        by_hand = [head + (tail - head) * t / (FRAMES - 1) for t in range(FRAMES)]
        torch.testing.assert_close(line, torch.tensor(by_hand).expand(BANDS, -1), atol=1e-5, rtol=0)
    ends = added[:, 0, [0, -1]].flatten()
    assert ends.min() < -0.5 and ends.max() > 0.5  # seeded; both signs occur


def test_normalize(logmel):
    shifted = 3 * logmel + 5
    values = shifted.flatten().tolist()
    mean = sum(values) / len(values)
    std = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    torch.testing.assert_close(augment.normalize(shifted), (shifted - mean) / std)
    assert torch.isfinite(augment.normalize(torch.zeros(2, 1, 4, 4))).all()
