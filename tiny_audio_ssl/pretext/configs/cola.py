"""The settings of COLA."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.utils.ranges import COUNT, SHARE_BELOW_1, check_numbers


@dataclass(frozen=True)
class ColaConfig(PairsConfig):
    """Hyper-parameters of COLA."""

    projection_dim: int = 512
    """Size of the layer between embedding and similarity."""
    mixup: float = 0.0
    """Maximum share of another clip that is mixed into a slice; 0 turns mixing off, as in the
    paper."""
    resize: bool = False
    """Stretch a random crop of bands and frames to the size of the slice."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, projection_dim=COUNT, mixup=SHARE_BELOW_1)
