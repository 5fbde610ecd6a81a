"""The settings of mix-back."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.utils.ranges import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE_BELOW_1,
    Range,
    check_numbers,
)

ABOVE_0_TO_1 = Range(0, 1, open_low=True)


@dataclass(frozen=True)
class MixBackConfig(PairsConfig):
    """Hyper-parameters of mix-back."""

    slice_ms: float = 675.0
    """Length of a patch."""
    clip_ms: float = 975.0
    """Length of the clip that both patches come from."""
    mix: float = 0.05
    """Maximum share of another clip, at the same energy, that is mixed into a patch."""
    smallest_crop: float = 0.8
    """Minimum area of the random crop that is resized, relative to the patch."""
    compansion: float = 0.75
    """Minimum factor that the normalized log-mel is multiplied by."""
    noise: float = 0.01
    """Maximum standard deviation of the noise that is added, in standard deviations of the log-mel.
    """
    temperature: float = 0.2
    """Divisor of the cosines in the loss."""
    hidden: int = 512
    """Hidden units of the projector."""
    projection: int = 128
    """Outputs of the projector (512 in the paper, for a much larger encoder)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            mix=SHARE_BELOW_1,
            smallest_crop=ABOVE_0_TO_1,
            compansion=ABOVE_0_TO_1,
            noise=NOT_NEGATIVE,
            temperature=POSITIVE,
            hidden=COUNT,
            projection=COUNT,
        )
