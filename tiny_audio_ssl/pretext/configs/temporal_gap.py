"""The settings of the temporal gap."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.utils.ranges import COUNT, check_numbers


@dataclass(frozen=True)
class TemporalGapConfig(PairsConfig):
    """Hyper-parameters of the temporal gap."""

    hidden: int = 64
    """Units of the hidden layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, hidden=COUNT)
