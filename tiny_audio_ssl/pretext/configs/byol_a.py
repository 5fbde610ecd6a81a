"""The settings of BYOL-A."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig


@dataclass(frozen=True)
class ByolAConfig(PretextConfig):
    """Hyper-parameters of BYOL-A."""

    slice_ms: float = WINDOW_MS
    """Length of the slice that both views are made of."""
    mixup: float = 0.2
    """Largest share of another clip of the batch that is mixed in as background."""
    smallest_crop: float = 0.6
    """Least height and width of the random crop that is resized, relative to the slice."""
    largest_crop: float = 1.5
    """Greatest height and width of the crop; the part outside the slice is empty."""
    fade: float = 1.0
    """Largest value of the line over time that is added, in standard deviations of the log-mel."""
    hidden: int = 512
    """Hidden units of projector and predictor (4096 in the paper, for a much larger encoder)."""
    projection: int = 128
    """Outputs of projector and predictor (256 in the paper)."""
    momentum: float = 0.99
    """Share that the moving average keeps at the first step; it rises to 1 along a cosine."""

    def __post_init__(self) -> None:
        if self.slice_ms <= 0 or self.hidden < 1 or self.projection < 1:
            raise UserError(
                f"byol-a: slice_ms {self.slice_ms}, hidden {self.hidden}, projection "
                f"{self.projection}; each must be positive"
            )
        if not (0 <= self.mixup <= 1 and self.fade >= 0 and 0 <= self.momentum <= 1):
            raise UserError(
                f"byol-a: mixup {self.mixup}, fade {self.fade}, momentum {self.momentum}; "
                "expected mixup and momentum in 0..1, fade >= 0"
            )
        if not 0 < self.smallest_crop <= self.largest_crop:
            raise UserError(
                f"byol-a: crops from {self.smallest_crop} to {self.largest_crop} of a slice; "
                "expected 0 < smallest_crop <= largest_crop"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slice_frames(frontend)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def length_option(self) -> str:
        return "--pretext.slice-ms"
