"""The teachers of distillation: several models whose embeddings lie side by side in one target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor

from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.pretext.configs.distillation import DistillationConfig

BATCH = 64  # clips that a teacher embeds at a time


class Teachers:
    """Frozen models, kept out of the state of the task.

    Attributes:
        dims: size of each teacher's embedding.
        shares: weight of each teacher's loss; they sum to 1.
        speech_only: whether each teacher is used for speech only.
    """

    def __init__(self, config: DistillationConfig) -> None:
        pairs = zip(config.teacher, config.paths(), strict=True)
        self.models = [HearModel(name, path) for name, path in pairs]
        self.dims = [model.dim for model in self.models]
        importance = config.importance or (1.0,) * len(self.models)
        self.shares = [one / sum(importance) for one in importance]
        self.speech_only = [name in config.speech_teacher for name in config.teacher]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return these teachers: they never change, and some models can't be copied."""
        return self

    def __call__(self, waves: Tensor) -> Tensor:
        """Waveforms [B, samples] -> embeddings side by side [B, sum of dims]."""
        return torch.cat([embedded(model, waves) for model in self.models], dim=1)

    def parts(self, *targets: Tensor) -> Iterator[tuple[float, bool, tuple[Tensor, ...]]]:
        """Yield the share of each teacher, whether it is of speech, and its part of each target."""
        split = zip(*(torch.split(target, self.dims, dim=-1) for target in targets), strict=True)
        yield from zip(self.shares, self.speech_only, split, strict=True)


def embedded(model: HearModel, waves: Tensor) -> Tensor:
    """Waveforms [B, samples] -> embeddings of one teacher [B, D]."""
    return torch.cat([model(part) for part in torch.split(waves, BATCH)])
