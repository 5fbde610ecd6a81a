"""The settings of the tasks that separate sounds."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.pretext.configs.masks import MaskConfig
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, Range, check_numbers


@dataclass(frozen=True)
class SeparationConfig(MaskConfig):
    """Hyper-parameters of permutation-invariant separation."""

    slice_ms: float = WINDOW_MS
    """Length of a slice. The order of the outputs is chosen for each slice separately."""
    slices: int = 1
    """Slices per clip."""
    level_db: float = 5.0
    """Maximum change of a recording's level before it is mixed, up or down."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, level_db=NOT_NEGATIVE)


@dataclass(frozen=True)
class MixItConfig(SeparationConfig):
    """Hyper-parameters of mixture-invariant training."""

    outputs: int = 4
    """Number of sounds that a mixture of two recordings is separated into; some may stay silent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, outputs=Range(2, 8, whole=True))
