"""The settings of tasks that predict masked steps of a clip."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.utils.ranges import COUNT, SHARE, check_numbers


@dataclass(frozen=True)
class MaskedStepsConfig(StepsConfig):
    """Masking of steps, in spans longer than the overlap of neighboring slices."""

    span_steps: int = 7
    """Steps per masked span. Only those steps are predicted whose slices share no sample with an
    unmasked step: the middle 3, with the other defaults."""
    mask_share: float = 0.1
    """Share of the steps at which a span starts; at least one per clip."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, span_steps=COUNT, mask_share=SHARE)
        if self.span_starts * self.span_steps >= self.steps:
            raise UserError(
                f"{self.span_starts} masked spans of {self.span_steps} steps may hide all "
                f"{self.steps} steps of a clip; lower --pretext.mask-share or "
                "--pretext.span-steps, or raise --pretext.steps"
            )

    @property
    def span_starts(self) -> int:
        """Number of masked spans in a clip, which may overlap."""
        return max(1, round(self.mask_share * self.steps))

    def reach(self, frontend: FrontendConfig) -> int:
        """Return the largest distance of two steps whose slices share a sample.

        Raises `UserError` if a span is so short that all of its steps share samples with others.
        """
        reach = self.first_distance(frontend) - 1
        if self.span_steps < 2 * reach + 1:
            raise UserError(
                f"span_steps is {self.span_steps}, and slices up to {reach} steps apart share "
                f"samples; expected --pretext.span-steps {2 * reach + 1} or more, so that the "
                "middle of a span shares no sample with unmasked steps"
            )
        return reach
