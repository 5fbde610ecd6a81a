"""The base of tasks that look at two slices of one recording."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.pretext.parts import sampling


class Pairs(Pretext):
    """Anchor and positive: two slices from random places of one clip, which may overlap.

    Negatives, if a task has any, are the positives of the other clips of the micro-batch, so that
    more clips in it make the task harder.
    """

    Config = PairsConfig

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        frames = self.config.slice_frames(self.frontend)
        anchor, positive = self.starts(clips, rng)
        return {
            "anchor": sampling.cut(clips, anchor, frames),
            "positive": sampling.cut(clips, positive, frames),
        }

    def starts(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        """Draw the first frames of both slices, uniform and independent: [2, B]."""
        last = clips.shape[3] - self.config.slice_frames(self.frontend)
        return sampling.integers(0, last, 2 * len(clips), rng).reshape(2, -1)
