"""Which sounds and noises are mixed."""

from __future__ import annotations

import torch

from tiny_audio_ssl.pretext.parts import distort
from tiny_audio_ssl.pretext.parts.mixing import sounds_and_noise


def clips_of(*kinds: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Constant clips, each with its number as value."""
    numbers = torch.arange(1.0, len(kinds) + 1)
    return numbers[:, None].expand(-1, 64).clone(), torch.tensor(kinds)


def test_noise_comes_from_noise_and_speech_is_kept(rng):
    clips, kind = clips_of(0, 1, -1, 0, 1)
    for _ in range(20):
        sounds, noise = sounds_and_noise(clips, kind, rng)
        assert sounds[0, 0] == 1 and sounds[3, 0] == 4  # speech stays where it is
        assert set(sounds[:, 0].tolist()) <= {1, 4}
        assert set(noise[:, 0].tolist()) <= {2, 5}


def test_batches_without_one_kind(rng):
    clips, kind = clips_of(0, 0, 0)
    sounds, noise = sounds_and_noise(clips, kind, rng)
    assert torch.equal(sounds, clips) and (noise.std(dim=1) > 0).all()  # made
    clips, kind = clips_of(1, -1)
    sounds, noise = sounds_and_noise(clips, kind, rng)
    assert torch.equal(sounds, clips) and set(noise[:, 0].tolist()) == {1}


def test_unknown_kinds_get_made_noise_and_other_clips(rng):
    clips, _ = clips_of(*[0] * 400)
    sounds, noise = sounds_and_noise(clips, None, rng)
    assert torch.equal(sounds, clips)
    is_other = noise.std(dim=1) == 0
    assert 0.4 < is_other.float().mean() < 0.6
    assert (noise[is_other] != clips[is_other]).all()
    _, noise = sounds_and_noise(clips, None, rng, made_share=1)
    assert (noise.std(dim=1) > 0).all()


def test_mixture_has_the_level_that_was_drawn(rng):
    sounds, noise = torch.randn(2, 3, 8000, generator=rng)
    mixture = distort.add_noise(sounds, noise, torch.tensor([-5.0, 0.0, 15.0]))
    powers = [wav.square().mean(dim=1) for wav in (sounds, mixture - sounds)]
    assert torch.allclose(10 * torch.log10(powers[0] / powers[1]), torch.tensor([-5.0, 0, 15]))
