"""Targets by signal processing for each step of a clip, standardized."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.pretext.parts.signal_targets import TARGETS

SMALLEST_STD = 1e-3  # of a standard deviation, so that nearly constant targets are not magnified
_BATCH = 64  # clips whose targets are computed at a time


class StepTargets(nn.Module):
    """Waveforms [B, samples of a clip] -> targets by their names, each [B, steps, numbers].

    They are those of `count` frames in the middle of each step's slice, side by side or, with
    `averages`, their mean; the waveform is never averaged. Statistics are those of `fit`.
    """

    def __init__(
        self,
        names: Sequence[str],
        config: StepsConfig,
        frontend: FrontendConfig,
        count: int,
        averages: bool,
    ) -> None:
        super().__init__()
        self.names, self.frontend, self.averages = tuple(names), frontend, averages
        self.steps, self.hop_frames, self.count = config.steps, config.hop_frames(frontend), count
        self.begin = (config.slice_frames(frontend) - count) // 2
        self.sizes: dict[str, int] = {}
        silence = torch.zeros(1, frontend.samples(config.clip_frames(frontend)))
        for name in self.names:
            self.sizes[name] = size = self.of(name, silence).shape[2]
            self.register_buffer(f"mean_{name}", torch.zeros(size))
            self.register_buffer(f"inverse_std_{name}", torch.ones(size))

    def of(self, name: str, wav: Tensor) -> Tensor:
        """Return one target, not standardized: [B, steps, numbers]."""
        frames = TARGETS[name](wav, self.frontend)
        cut = frames[..., self.begin :].unfold(2, self.count, self.hop_frames)
        cut = cut[:, :, : self.steps].transpose(1, 2)  # [B, steps, D, frames]
        return cut.mean(dim=3) if self.averages and name != "waveform" else cut.mT.flatten(2)

    def forward(self, wav: Tensor) -> dict[str, Tensor]:
        return {name: self._standardized(name, self.of(name, wav)) for name in self.names}

    def _standardized(self, name: str, values: Tensor) -> Tensor:
        mean, scale = (self.get_buffer(f"{part}_{name}") for part in ("mean", "inverse_std"))
        return (values - mean) * scale

    @torch.no_grad()
    def fit(self, wav: Tensor) -> None:
        """Set mean and standard deviation of each number from waveforms as `forward` takes them."""
        for name in self.names:
            parts = [self.of(name, part).flatten(0, 1) for part in torch.split(wav, _BATCH)]
            found = torch.cat(parts)
            deviation = found.std(dim=0, correction=0).clamp_min(SMALLEST_STD)
            self.get_buffer(f"mean_{name}").copy_(found.mean(dim=0))
            self.get_buffer(f"inverse_std_{name}").copy_(deviation.reciprocal())
