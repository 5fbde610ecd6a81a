"""The settings of the tasks that reconstruct a masked log-mel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.utils.ranges import COUNT, NOT_NEGATIVE, SHARE, Range, check_numbers


@dataclass(frozen=True)
class MaskedConfig(StepsConfig):
    """Hyper-parameters of Mockingjay and Audio ALBERT. The papers have 3 to 12 layers of 768."""

    layers: int = 3
    """Layers of the transformer, whose width is `size`."""
    share: float = 0.15
    """Share of the frames that are altered."""
    span_frames: int = 11
    """Length of a span of altered frames. Spans of 11 hide a whole slice; the papers have 7."""
    zeroed: float = 0.8
    """Share of the clips whose altered frames are set to the bands' means."""
    replaced: float = 0.1
    """Share of the clips whose altered frames are replaced by other frames of the clip. In the
    remaining clips, the frames are kept."""
    loss_on: Literal["altered", "all"] = "altered"
    """Frames that the loss covers. The authors' code uses only the altered ones, because the others
    can be copied."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self, layers=COUNT, share=Range(0, 1, open_low=True), span_frames=COUNT, zeroed=SHARE,
            replaced=SHARE,
        )  # fmt: skip
        if self.zeroed + self.replaced > 1:
            raise UserError(
                f"zeroed {self.zeroed} and replaced {self.replaced}; expected at most 1 together"
            )
        if self.loss_on not in ("altered", "all"):
            raise UserError(f"loss_on {self.loss_on!r}; expected altered or all")

    def clip_frames(self, frontend: FrontendConfig) -> int:
        frames = super().clip_frames(frontend)
        if self.span_frames >= frames:
            raise UserError(
                f"span_frames {self.span_frames} in clips of {frames} frames; expected fewer, or "
                "more --pretext.steps"
            )
        return frames


@dataclass(frozen=True)
class TeraConfig(MaskedConfig):
    """Hyper-parameters of TERA. The paper has 3 layers of 768."""

    widest_band: float = 0.2
    """Maximum share of the bands that is set to the bands' means in a whole clip."""
    noisy: float = 0.15
    """Share of the clips that noise is added to."""
    noise_deviation: float = 0.2
    """Standard deviation of the noise on each value, in standard deviations of its band."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, widest_band=SHARE, noisy=SHARE, noise_deviation=NOT_NEGATIVE)
