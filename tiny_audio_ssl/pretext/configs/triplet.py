"""The settings of the triplet loss."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.pairs import PairsConfig


@dataclass(frozen=True)
class TripletConfig(PairsConfig):
    """Hyper-parameters of the triplet loss."""

    margin: float = 0.2
    """Least difference, 0 to 4, between the squared distances to the negative and the positive."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.margin < 4:
            raise UserError(f"triplet: margin {self.margin}; expected more than 0, less than 4")
