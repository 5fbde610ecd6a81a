"""The base of tasks that mask steps of a clip and predict properties of the masked steps."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.masked_steps import MaskedStepsConfig
from tiny_audio_ssl.pretext.parts.context import Transformer
from tiny_audio_ssl.pretext.parts.steps import Steps, spans


class MaskedSteps(Steps):
    """A transformer looks at all steps, in which spans are replaced by a learned vector.

    Neighboring slices share samples. So spans are longer than that, and only those of their steps
    are predicted that share no sample with a step that the transformer sees.
    """

    hides = "samples"

    Config = MaskedStepsConfig

    def __init__(
        self, config: MaskedStepsConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.reach = config.reach(frontend)
        self.hidden = nn.Parameter(torch.rand(config.size))
        self.context = Transformer(config.size)

    def draw_mask(self, clips: int, rng: torch.Generator) -> Inputs:
        """Draw which steps are masked, and which of these are predicted: bool [clips, steps]."""
        config = self.config
        mask = spans(clips, config.steps, config.mask_share, config.span_steps, rng)
        return {"mask": mask, "predicted": eroded(mask, self.reach)}

    def steps_of(self, features: Tensor) -> Tensor:
        """Project features [B, S, D] to what the transformer reads [B, S, size]."""
        steps: Tensor = self.project(features)
        return steps

    def in_context(self, steps: Tensor, mask: Tensor) -> Tensor:
        """Mask steps [B, S, size], and return what the transformer makes of the rest, for all."""
        seen = torch.where(mask.unsqueeze(2), self.hidden, steps)
        context: Tensor = self.context(seen)
        return context

    def mean(self, values: Tensor, predicted: Tensor) -> Tensor:
        """Return the mean of values [B, steps] over the predicted steps."""
        return (values * predicted).sum() / predicted.sum()

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        features = self.encode(encoder, inputs["logmel"])
        context = self.in_context(self.steps_of(features), inputs["mask"])
        for step in range(self.config.steps):
            clips = inputs["predicted"][:, step]
            if clips.any():
                yield context[clips, step], features[clips, step]


def eroded(mask: Tensor, reach: int) -> Tensor:
    """Return the steps that are masked together with all up to `reach` steps away: bool [B, S]."""
    near = F.max_pool1d((~mask).float(), 2 * reach + 1, stride=1, padding=reach)
    return near == 0
