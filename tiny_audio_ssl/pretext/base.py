"""The contract of a pretext task: all that training, resuming and federation rely on.

Each task has a file of its own and is named in `registry.TASKS`; `tests/contract` then runs over
it. The loader gives one random crop of each recording; positives come from `draw`,
negatives from the batch.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs import PretextConfig

Inputs = dict[str, Tensor]


class Pretext(nn.Module):
    """What one task throws away after pre-training: heads, targets, codebooks. Never the encoder.

    A task must not keep the encoder (its state would hold the weights twice), and whatever holds
    audio must be a non-persistent buffer: state is what leaves a device in federated training.
    """

    paper: ClassVar[str]
    """Authors, year, where, and the section or equation."""
    takes: ClassVar[str] = "logmel"
    """What `draw` receives: "logmel" [B, 1, bands, frames] or "wav" [B, samples]. A task that takes
    waveforms draws a "wav" [n, samples], of which `forward` is given the log-mel as "logmel"."""

    Config: ClassVar[Any] = PretextConfig
    """The dataclass of the hyper-parameters, derived from `PretextConfig`."""

    def __init__(self, config: Any, encoder: Encoder, frontend: FrontendConfig) -> None:
        """Build the heads for this encoder's shapes; see the subclass for its config."""
        super().__init__()
        self.config = config
        self.frontend = frontend

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """All randomness of a step: cut, shuffle, mask, augment. Edits nothing in place.

        `rng` lives on the CPU, so that a run draws the same on every device.
        """
        raise NotImplementedError

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        """{"loss": scalar to minimise, "embedding": [n, D] for the collapse meter, more to log}."""
        raise NotImplementedError

    def inputs(self, frontend: LogMel, clips: Tensor, rng: torch.Generator) -> Inputs:
        """From waveforms [B, samples] to what `forward` takes: front-end and `draw`, in the order
        that the task wants."""
        if self.takes == "logmel":
            return self.draw(frontend(clips), rng)
        inputs = self.draw(clips, rng)
        return {**inputs, "logmel": frontend(inputs.pop("wav"))}

    def fit(self, clips: Tensor) -> None:
        """Before the first step, on clips as `draw` takes them: statistics, k-means."""

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        """After each optimizer step: moving averages, annealing."""
