"""What tasks share that look at two slices of one recording."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend import FrontendConfig
from tiny_audio_ssl.pretext import sampling
from tiny_audio_ssl.pretext.base import Inputs, Pretext


class Pairs(Pretext):
    """Anchor and positive: two slices from random places of one clip. They may overlap.

    Where a task has negatives, they are the positives of the batch's other clips, so that more
    clips in a micro-batch make a harder task.
    """

    @dataclass(frozen=True)
    class Config(Pretext.Config):
        clip_ms: float = 875.0
        """Length of the clip that both slices come from: how near in time they are."""
        slice_ms: float = 335.0
        """Length of a slice."""

        def __post_init__(self) -> None:
            if not 0 < self.slice_ms < self.clip_ms:
                raise UserError(
                    f"slice_ms {self.slice_ms} of clip_ms {self.clip_ms}; a slice must be shorter "
                    "than its clip, or both slices of a clip are the same"
                )

        def clip_frames(self, frontend: FrontendConfig) -> int:
            return max(self.slice_frames(frontend) + 1, frontend.frames_of_ms(self.clip_ms))

        def slice_frames(self, frontend: FrontendConfig) -> int:
            return frontend.frames_of_ms(self.slice_ms)

        def shorter(self) -> str:
            return "--pretext.clip-ms (and --pretext.slice-ms below it)"

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
