"""Pairs of sounds to mix, drawn from a batch of waveforms."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.pretext.configs.enhancement import KINDS
from tiny_audio_ssl.pretext.parts import distort
from tiny_audio_ssl.pretext.parts.augment import uniform

MADE = 0.5
SPEECH, NOISE = range(len(KINDS))


def sounds_and_noise(
    clips: Tensor, kind: Tensor | None, rng: torch.Generator, made_share: float = MADE
) -> tuple[Tensor, Tensor]:
    """Return a sound and a noise for each clip, both [B, samples].

    Args:
        kind: places of the clips in KINDS, int64 [B], -1 for neither; None if unknown. Clips of
        speech are the sounds; other clips are replaced by drawn clips of speech, and the noise is
        drawn from the clips of noise. Without speech in the batch, all clips are sounds.
        made_share: share of the noise that is made where the kind is not known; the rest is other
            clips of the batch.

    Made noise has a color that is drawn for each clip. Where the kind is known, and no clip is
    noise, all noise is made.
    """
    count, samples = clips.shape
    made = distort.colored_noise(samples, uniform(0, 2, count, rng), rng).to(clips.device)
    is_made = (torch.rand(count, generator=rng) < made_share).to(clips.device)
    if kind is None:
        return clips, torch.where(is_made[:, None], made, distort.other_clips(clips, rng))
    kind = kind.cpu()
    own, speech = torch.arange(count), _drawn(kind == SPEECH, count, rng)
    sounds = clips if speech is None else clips[torch.where(kind == SPEECH, own, speech)]
    noise = _drawn(kind == NOISE, count, rng)
    return sounds, made if noise is None else clips[noise]


def _drawn(fitting: Tensor, count: int, rng: torch.Generator) -> Tensor | None:
    """Return a fitting clip's number for each of `count`, int64 [count]; None if there is none."""
    found = fitting.nonzero().squeeze(1)
    if not len(found):
        return None
    return found[torch.randint(len(found), (count,), generator=rng)]
