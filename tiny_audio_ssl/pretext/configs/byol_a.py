"""The settings of BYOL-A."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Range,
    check_numbers,
)


@dataclass(frozen=True)
class ByolAConfig(SliceConfig):
    """Hyper-parameters of BYOL-A."""

    slice_ms: float = WINDOW_MS
    """Length of the slice from which both views are made."""
    mixup: float = 0.2
    """Maximum share of another clip of the batch that is mixed in as background."""
    smallest_crop: float = 0.6
    """Minimum height and width of the random crop that is resized, relative to the slice."""
    largest_crop: float = 1.5
    """Maximum height and width of the crop; the part outside the slice is empty."""
    fade: float = 1.0
    """Maximum of the linear ramp over time that is added, in standard deviations of the log-mel."""
    hidden: int = 512
    """Hidden units of projector and predictor (4096 in the paper, for a much larger encoder)."""
    projection: int = 128
    """Outputs of projector and predictor (256 in the paper)."""
    momentum: float = 0.99
    """Momentum of the moving average at the first step; it rises to 1 along a cosine."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            mixup=SHARE,
            smallest_crop=POSITIVE,
            largest_crop=Range(0, 100, open_low=True),
            fade=NOT_NEGATIVE,
            hidden=COUNT,
            projection=COUNT,
            momentum=SHARE,
        )
        if self.smallest_crop > self.largest_crop:
            raise UserError(
                f"byol-a: crops from {self.smallest_crop} to {self.largest_crop} of a slice; "
                "expected 0 < smallest_crop <= largest_crop"
            )
