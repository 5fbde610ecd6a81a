"""The settings of analysis by synthesis."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.slices import SeveralSlicesConfig
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, SHARE, check_numbers


@dataclass(frozen=True)
class ArticulationConfig(SeveralSlicesConfig):
    """Hyper-parameters of analysis by synthesis."""

    clip_ms: float = 875.0
    """Length of the clip that slices are cut from."""
    slice_ms: float = 95.0
    """Length of a slice, during which the vocal tract does not move."""
    slices: int = 4
    """Slices per clip."""
    first_noise: float = 1.0
    """Standard deviation of the noise on the proposals at the first step; parameters are in -1..1.
    """
    last_noise: float = 0.2
    """Standard deviation of this noise at the last step."""
    uniform: float = 0.0
    """Share of the proposals that are drawn at random, independently of the recordings."""
    momentum: float = 0.99
    """Momentum of the moving-average copy that makes the proposals."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            first_noise=NOT_NEGATIVE,
            last_noise=NOT_NEGATIVE,
            uniform=SHARE,
            momentum=SHARE,
        )
