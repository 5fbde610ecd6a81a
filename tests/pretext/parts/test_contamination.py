"""The distortions of PASE+: each on its share of the clips, and no more."""

from __future__ import annotations

import torch

from tiny_audio_ssl.pretext.parts.contamination import DISTORTIONS, contaminate

CLIPS = 0.1 * torch.randn(200, 4000, generator=torch.Generator().manual_seed(0))


def changed(share: float, seed: int = 1) -> torch.Tensor:
    """Return which clips are changed."""
    before = CLIPS.clone()
    found = contaminate(CLIPS, share, torch.Generator().manual_seed(seed))
    assert torch.equal(CLIPS, before) and found.shape == CLIPS.shape
    assert torch.isfinite(found).all()
    return (found != CLIPS).any(dim=1)


def test_clips_are_distorted_as_often_as_said():
    untouched = 1.0
    for _, probability in DISTORTIONS:
        untouched *= 1 - probability
    assert abs(changed(1.0).float().mean().item() - (1 - untouched)) < 0.08
    assert abs(changed(0.5).float().mean().item() - 0.5 * (1 - untouched)) < 0.1
    assert not changed(0.0).any()


def test_each_distortion_changes_every_clip():
    for distortion, _ in DISTORTIONS:
        found = distortion(CLIPS, torch.Generator().manual_seed(2))
        assert (found != CLIPS).any(dim=1).all()
