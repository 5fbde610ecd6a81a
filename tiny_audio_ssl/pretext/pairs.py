"""What tasks share that look at two slices of one recording."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.pretext import sampling
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs import PairsConfig


class Pairs(Pretext):
    """Anchor and positive: two slices from random places of one clip. They may overlap.

    Where a task has negatives, they are the positives of the batch's other clips, so that more
    clips in a micro-batch make a harder task.
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
        """First frames of both slices, uniform and independent [2, B]."""
        last = clips.shape[3] - self.config.slice_frames(self.frontend)
        return sampling.integers(0, last, 2 * len(clips), rng).reshape(2, -1)
