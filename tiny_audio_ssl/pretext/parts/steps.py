"""Clips as sequences of steps, shared by the tasks that predict, mask or quantize them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.pretext.parts import sampling

Where = Literal["clip", "batch"]


class Steps(Pretext):
    """The base of tasks for which a step is a short slice, encoded on its own.

    The encoders halve time four or five times, so that one pass over a clip has a column every 160
    or 320 ms. Short, overlapping slices give a vector every `hop_ms`, by the encoder as it is.
    Neighboring slices share samples: slices that share none are `first_distance` steps apart.

    A context network on top of the steps is part of the task and is discarded after training; only
    the encoder ships.
    """

    Config = StepsConfig

    def __init__(self, config: StepsConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.slice_frames = config.slice_frames(frontend)
        self.hop_frames = config.hop_frames(frontend)
        self.clip_frames = config.clip_frames(frontend)
        self.project = nn.Linear(encoder.feature_dim, config.size)

    def crop(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        """Cut `clip_frames` frames, or their samples, from a random place of each clip.

        Takes and returns log-mels [B, 1, bands, frames] or waveforms [B, samples].
        """
        frames = self.clip_frames
        size = self.frontend.samples(frames) if clips.ndim == 2 else frames
        return sampling.random_cut(clips, size, rng)

    def slices(self, clips: Tensor) -> Tensor:
        """Cut the slice of each step.

        Log-mels [B, 1, bands, clip_frames] become [B, steps, 1, bands, slice_frames], waveforms
        [B, samples] become [B, steps, samples of a slice].
        """
        steps, size = self.config.steps, self.slice_frames
        if clips.ndim == 2:
            hop = self.hop_frames * self.frontend.hop
            return clips.unfold(1, self.frontend.samples(size), hop)
        places = [step * self.hop_frames + frame for step in range(steps) for frame in range(size)]
        chosen = clips.index_select(3, torch.tensor(places, device=clips.device))
        return chosen.reshape(*clips.shape[:3], steps, size).permute(0, 3, 1, 2, 4)

    def middles(self, frames: Tensor) -> Tensor:
        """Cut the frames of the hop in the middle of each slice, so that each frame is of one step:
        [B, D, clip_frames] -> [B, steps, D, hop_frames]."""
        begin = (self.slice_frames - self.hop_frames) // 2
        hops = frames[..., begin : begin + self.config.steps * self.hop_frames]
        return hops.unfold(2, self.hop_frames, self.hop_frames).transpose(1, 2)

    def encode(self, encoder: Encoder, logmel: Tensor) -> Tensor:
        """Encode the slice of each step: [B, 1, bands, clip_frames] -> [B, steps, feature_dim]."""
        slices = self.slices(logmel)
        features: Tensor = encoder(slices.flatten(0, 1)).unflatten(0, slices.shape[:2])
        return features


def spans(count: int, steps: int, share: float, length: int, rng: torch.Generator) -> Tensor:
    """Mark spans of `length` steps in each of `count` clips: bool [count, steps].

    A `share` of the steps, at least one, starts a span (arXiv 2006.11477, section 3.1). Starts are
    drawn without replacement; spans may overlap, and lie within the clip.
    """
    places = max(1, steps - length + 1)
    starts = min(places, max(1, round(share * steps)))
    chosen = torch.rand(count, places, generator=rng).argsort(dim=1)[:, :starts]
    covered = (chosen[:, :, None] + torch.arange(min(length, steps))).flatten(1)
    return torch.zeros(count, steps, dtype=torch.bool).scatter(1, covered, True)


def negatives(
    positives: Tensor, steps: int, clips: int, count: int, rng: torch.Generator, where: Where
) -> Tensor:
    """Draw `count` negatives for each positive, uniformly and with replacement, never the positive
    itself.

    Args:
        positives: int64 of any shape: clip * steps + step, a place in a flattened [clips, steps].
        where: "clip" for other steps of the same clip, "batch" for all others.

    Returns:
        int64 [*positives.shape, count], such places.
    """
    shape = (*positives.shape, count)
    if where == "batch":
        away = torch.randint(1, clips * steps, shape, generator=rng)
        return (positives[..., None] + away) % (clips * steps)
    away = torch.randint(1, steps, shape, generator=rng)
    step = (positives[..., None] % steps + away) % steps
    return positives[..., None] // steps * steps + step
