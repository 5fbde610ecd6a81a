"""The settings of tasks that mask a spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import COUNT, check_numbers

FEWEST_FRAMES = 8  # of a slice


@dataclass(frozen=True)
class MaskConfig(SliceConfig):
    """Lengths of clips and slices. The slices of a clip are masked independently."""

    slice_ms: float = 335.0
    """Length of a slice, which is masked independently of the others, and of a packet in a
    stream."""
    slices: int = 3
    """Slices per clip."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, slices=COUNT)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        frames = super().slice_frames(frontend)
        if frames < FEWEST_FRAMES:
            raise UserError(
                f"slice_ms is {self.slice_ms:g}, which is {frames} frames; expected at least "
                f"{frontend.ms(FEWEST_FRAMES):g}"
            )
        return frames

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slices * self.slice_frames(frontend)
