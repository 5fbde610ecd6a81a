"""The settings of the triplet loss."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.utils.ranges import Range, check_numbers


@dataclass(frozen=True)
class TripletConfig(PairsConfig):
    """Hyper-parameters of the triplet loss."""

    margin: float = 0.2
    """Minimum difference, 0 to 4, between the squared distances to the negative and the positive.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, margin=Range(0, 4, open_low=True, open_high=True))
