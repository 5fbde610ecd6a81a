"""The settings of DAPC."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, NOT_NEGATIVE, check_numbers


@dataclass(frozen=True)
class DapcConfig(StepsConfig):
    """Hyper-parameters of DAPC."""

    hop_ms: float = 80.0
    """Time from one step to the next. Shorter hops make neighbors share samples, which counts as
    information about the future."""
    steps: int = 11
    """Steps of a clip."""
    size: int = 16
    """Size of the codes whose information is measured. They are discarded after training."""
    window_steps: int = 2
    """Number T of past steps whose information about the next T steps is measured."""
    decorrelation: float = 0.1
    """Weight a of the term that keeps the codes uncorrelated and of unit variance."""
    reconstruction: float = 10.0
    """Weight b of the reconstruction error of masked parts."""
    masks: int = 2
    """Number of masked stripes of frames, and of masked stripes of bands."""
    mask_ms: float = 165.0
    """Maximum duration of a stripe of frames."""
    mask_bands: int = 8
    """Maximum width of a stripe of bands."""
    hidden: int = 128
    """Width of the transformer decoder."""
    layers: int = 2
    """Layers of the transformer decoder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            window_steps=COUNT,
            decorrelation=NOT_NEGATIVE,
            reconstruction=NOT_NEGATIVE,
            masks=COUNT,
            mask_ms=DURATION_MS,
            mask_bands=COUNT,
            hidden=COUNT,
            layers=COUNT,
        )
        if self.steps < 2 * self.window_steps:
            raise UserError(
                f"--pretext.steps {self.steps} with --pretext.window-steps {self.window_steps}: "
                f"expected at least {2 * self.window_steps} steps, a past and a future"
            )
        if self.hidden % 8:
            raise UserError(f"--pretext.hidden {self.hidden}: expected a multiple of 8")

    def mask_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.mask_ms)
