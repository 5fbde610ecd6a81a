"""The settings of multi-format contrast."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.utils.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, check_numbers


@dataclass(frozen=True)
class MultiFormatConfig(PairsConfig):
    """Hyper-parameters of multi-format contrast."""

    clip_ms: float = 975.0
    """Length of the clip that both formats are cut from."""
    slice_ms: float = 675.0
    """Length of a slice."""
    mix: float = 0.5
    """Share of the slices that another clip is mixed into."""
    lowest_snr_db: float = 5.0
    """Minimum ratio of a slice to the clip that is mixed into it; the maximum is 20 dB more."""
    gain_db: float = 6.0
    """Maximum change of a slice's level, up or down."""
    temperature: float = 0.1
    """Divisor of the cosines in the loss."""
    projection: int = 128
    """Outputs of the layer after each network."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            mix=SHARE,
            lowest_snr_db=NOT_NEGATIVE,
            gain_db=NOT_NEGATIVE,
            temperature=POSITIVE,
            projection=COUNT,
        )
