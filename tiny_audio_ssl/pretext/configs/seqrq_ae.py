"""The settings of SeqRQ-AE."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, Range, check_numbers


@dataclass(frozen=True)
class SeqRqAeConfig(StepsConfig):
    """Hyper-parameters of SeqRQ-AE."""

    entries: int = 64
    """Entries of the codebook."""
    commitment: float = 0.25
    """Weight of the commitment loss, which pulls segments to their entries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, entries=Range(2, 10_000, whole=True), commitment=NOT_NEGATIVE)
