"""The settings of PASE and PASE+."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.pretext.configs.weights import Weights, check_pairs, pairs
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, SHARE, check_numbers

REGRESSION = (
    "waveform", "lps", "mfcc", "prosody", "gammatone", "long-mfcc", "long-gammatone",
)  # fmt: skip
PSEUDO_LABELS = tuple(name for name in REGRESSION if name != "waveform")
"""Workers whose targets describe a recording when they are averaged over it."""
WORKERS = (*REGRESSION, "lim", "gim", "spc")
"""All workers, by name."""
OF_PASE = ("waveform", "lps", "mfcc", "prosody", "lim", "gim", "spc")
OF_PASE_PLUS = (*REGRESSION, "lim", "gim")
PAIRS = pairs("WORKER", "mfcc 1 prosody 0.5")


@dataclass(frozen=True)
class PaseConfig(StepsConfig):
    """Hyper-parameters of PASE."""

    weights: Annotated[Weights, PAIRS] = field(default_factory=lambda: dict.fromkeys(OF_PASE, 1.0))
    """Workers, and the weight of each worker's loss in the mean."""
    size: int = 100
    """Size of the vectors that the workers receive."""
    hidden: int = 256
    """Hidden units of each worker."""
    gap_ms: float = 160.0
    """Time from a step to the sequences before and after it, which the worker `spc` tells apart."""
    sequence: int = 5
    """Steps per sequence before or after."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, hidden=COUNT, gap_ms=DURATION_MS, sequence=COUNT)
        check_pairs(self.weights, "worker", WORKERS)
        needed = 2 * (self.gap_steps() + self.sequence) - 1
        if "spc" in self.weights and self.steps < needed:
            raise UserError(
                f"steps {self.steps}: the worker spc needs {needed}, with {self.sequence} steps "
                f"on either side at {self.gap_ms:g} ms; give more --pretext.steps, a smaller "
                "--pretext.sequence or --pretext.gap-ms, or --pretext.weights without spc"
            )

    def gap_steps(self) -> int:
        """Return the steps from a step to the nearest one of a sequence before or after it."""
        return max(1, round(self.gap_ms / self.hop_ms))

    def target_frames(self, frontend: FrontendConfig) -> int:
        """Return the frames in the middle of each slice that the regression workers predict."""
        return self.hop_frames(frontend)


@dataclass(frozen=True)
class PasePlusConfig(PaseConfig):
    """Hyper-parameters of PASE+."""

    weights: Annotated[Weights, PAIRS] = field(
        default_factory=lambda: dict.fromkeys(OF_PASE_PLUS, 1.0)
    )
    """Workers, and the weight of each worker's loss in the mean."""
    frames: int = 7
    """Neighboring frames that the regression workers predict, around the middle of each slice."""
    distorted: float = 1.0
    """Share of the clips that are distorted, each with a random choice of distortions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, frames=COUNT, distorted=SHARE)

    def target_frames(self, frontend: FrontendConfig) -> int:
        """Return `frames`. Raises `UserError` if a slice has fewer."""
        if self.frames > (available := self.slice_frames(frontend)):
            raise UserError(
                f"frames {self.frames}: a slice of {self.slice_ms:g} ms has {available}; give "
                "fewer --pretext.frames or a longer --pretext.slice-ms"
            )
        return self.frames
