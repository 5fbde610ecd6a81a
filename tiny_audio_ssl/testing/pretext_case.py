"""A pretext task to check, and the settings of the check."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext

SMALL = EncoderConfig(width=0.25)
FRONTEND = FrontendConfig()
CLIPS = 8


@dataclasses.dataclass(frozen=True)
class Goal:
    """A value that training on one batch must reach, for losses that need not halve: losses in dB,
    losses of games, or losses below 0."""

    quantity: str
    """Key in the output of `forward`: "loss", or a quantity that it logs."""
    at_least: float = -math.inf
    at_most: float = math.inf

    def __str__(self) -> str:
        low = f"at least {self.at_least:.4g}" if self.at_least > -math.inf else ""
        high = f"at most {self.at_most:.4g}" if self.at_most < math.inf else ""
        return f"{self.quantity} of {' and '.join(filter(None, (low, high)))}"

    def reached(self, out: Mapping[str, Tensor]) -> bool:
        return self.at_least <= out[self.quantity].item() <= self.at_most


@dataclasses.dataclass(frozen=True)
class PretextCase:
    """A task to check, and the settings of the check."""

    kind: type[Pretext]
    encoder: EncoderConfig = SMALL
    lowest_loss: Callable[[Inputs], float] = lambda inputs: 0.0
    """The loss of a perfect encoder: more than 0 for a cross-entropy with soft targets."""
    may_be_negative: tuple[str, ...] = ()
    """Hyper-parameters for which -1 is a valid value."""
    frontend: FrontendConfig = FRONTEND
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Hyper-parameters for the checks that differ from the defaults; small values are fast."""
    goal: Goal | None = None
    """Value that training on one batch must reach. Default: half the loss."""

    def build(self) -> tuple[Pretext, Encoder]:
        """Return the task with its settings, and a fresh encoder, always with the same weights."""
        torch.manual_seed(0)
        encoder = Encoder(self.encoder, self.frontend.bands)
        return self.kind(self.kind.Config(**self.settings), encoder, self.frontend), encoder

    def clips(self, task: Pretext, extra_frames: int = 5) -> Tensor:
        """Return the input of `draw`: noise as waveforms, or wandering tones as log-mels."""
        rng = torch.Generator().manual_seed(1)
        frames = task.config.clip_frames(self.frontend) + extra_frames
        if task.takes == "wav":
            return 0.1 * torch.randn(CLIPS, self.frontend.samples(frames), generator=rng)
        walk = torch.randn(CLIPS, 1, 1, frames, generator=rng).cumsum(-1)
        bands = torch.arange(self.frontend.bands)[None, None, :, None] / 4
        return torch.sin(walk + bands)

    def inputs(self, task: Pretext, extra_frames: int = 5) -> Inputs:
        """Return the input of `forward`, drawn from the clips."""
        clips, rng = self.clips(task, extra_frames), torch.Generator().manual_seed(3)
        if task.takes == "wav":
            return task.inputs(LogMel(self.frontend), clips, rng)
        return task.draw(clips, rng)
