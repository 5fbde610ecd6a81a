"""The settings of local info max."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.pairs import PairsConfig
from tiny_audio_ssl.utils.ranges import COUNT, check_numbers

Objective = Literal["bce", "info-nce"]


@dataclass(frozen=True)
class LimConfig(PairsConfig):
    """Hyper-parameters of local info max."""

    slice_ms: float = 195.0
    """Length of a chunk."""
    hidden: int = 256
    """Hidden units of the discriminator."""
    objective: Objective = "bce"
    """Objective. `bce`: the discriminator tells a chunk of the same recording from one of another;
    `info-nce`: it finds the chunk of the same recording among those of the whole batch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, hidden=COUNT)
        if self.objective not in get_args(Objective):
            raise UserError(
                f"lim: objective {self.objective!r}; expected {' or '.join(get_args(Objective))}"
            )
