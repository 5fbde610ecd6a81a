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
    """Length of a slice. Which output has which sound is settled for each slice on its own."""
    slices: int = 1
    """Slices in a clip."""
    level_db: float = 5.0
    """Largest change of a recording's level before it is mixed, up or down."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, level_db=NOT_NEGATIVE)


@dataclass(frozen=True)
class MixItConfig(SeparationConfig):
    """Hyper-parameters of mixture-invariant training."""

    outputs: int = 4
    """Sounds that a mixture of two recordings is taken apart into; some may stay silent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, outputs=Range(2, 8, whole=True))
