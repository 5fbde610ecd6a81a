"""Unit ids: the product of tasks that assign one or several ids to each step of a clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.parts.codebooks import Codebook, collapse_reason
from tiny_audio_ssl.pretext.parts.steps import Steps
from tiny_audio_ssl.pretext.product import Output, Product

UNITS = "units"


class StepUnits(nn.Module):
    """Log-mel [B, 1, bands, frames] -> a number for each group at each step, int64 [B, steps, G].

    As many steps as fit in the frames.
    """

    def __init__(
        self, encoder: Encoder, ids: nn.Module, slice_frames: int, hop_frames: int
    ) -> None:
        """`ids`: features [n, D] -> int64 [n, G]."""
        super().__init__()
        self.encoder, self.ids = encoder, ids
        self.slice_frames, self.hop_frames = slice_frames, hop_frames

    def forward(self, logmel: Tensor) -> Tensor:
        last = logmel.shape[3] - self.slice_frames
        starts = range(0, last + 1, self.hop_frames)
        slices = torch.stack([logmel[..., s : s + self.slice_frames] for s in starts], dim=1)
        ids: Tensor = self.ids(self.encoder(slices.flatten(0, 1)))
        return ids.reshape(-1, len(starts), ids.shape[1])


class Ids(nn.Module):
    """Layers, and a function from what they give to ids."""

    def __init__(self, layers: nn.Module, choose: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = layers
        self.choose = choose

    def forward(self, features: Tensor) -> Tensor:
        return self.choose(self.layers(features))


def units(task: Steps, encoder: Encoder, ids: nn.Module, config: PretextConfig) -> Product:
    """Return the product of a task that assigns one or several ids to each step of a clip.

    Args:
        ids: features of steps [n, D] -> int64 [n, G].
        config: the task's settings, without names of folders.
    """
    module = StepUnits(encoder, ids, task.slice_frames, task.hop_frames)
    samples = task.frontend.samples(task.slice_frames)
    hop = task.hop_frames * task.frontend.hop
    meaning = (
        f"[batch, step, group]: number of the unit. Step k is of the {samples} samples from sample "
        f"{hop} k on"
    )
    return Product(UNITS, module.eval(), "mel", (Output(UNITS, meaning),), config)


class CodedSteps(Steps):
    """The base of tasks that quantize their projected steps with a `codebook`."""

    codebook: Codebook

    def __init__(self, config: Any, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        size, is_batch = config.size, encoder.config.norm == "batch"
        self.norm = nn.BatchNorm1d(size) if is_batch else nn.LayerNorm(size)

    def steps_of(self, features: Tensor) -> Tensor:
        """Project features of steps [B, S, D], and normalize them over the batch, or for encoders
        without batch normalization each by itself: [B, S, size].

        Normalizing over the batch is better: whatever all steps share makes them choose the same
        entries.
        """
        steps: Tensor = self.norm(self.project(features.flatten(0, 1)))
        return steps.reshape(*features.shape[:2], -1)

    def collapse_reason(self, logged: Mapping[str, float]) -> str | None:
        return collapse_reason(logged["hard_perplexity"])

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        layers = nn.Sequential(self.project, self.norm)
        return units(self, encoder, Ids(layers, self.codebook.ids), self.config)
