"""The settings of COLA."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.pairs import PairsConfig


@dataclass(frozen=True)
class ColaConfig(PairsConfig):
    """Hyper-parameters of COLA."""

    projection_dim: int = 512
    """Size of the layer between embedding and similarity."""
    mixup: float = 0.0
    """Largest share of another clip that is mixed into a slice; 0, as in the paper, mixes none."""
    resize: bool = False
    """Cut a random part of bands and frames and stretch it to the slice's size."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.projection_dim < 1 or not 0 <= self.mixup < 1:
            raise UserError(
                f"cola: projection_dim {self.projection_dim}, mixup {self.mixup}; expected "
                "projection_dim >= 1 and mixup from 0 to less than 1"
            )
