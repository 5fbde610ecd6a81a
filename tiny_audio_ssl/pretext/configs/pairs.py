"""The settings of tasks that look at two slices of one recording."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import DURATION_MS, check_numbers


@dataclass(frozen=True)
class PairsConfig(PretextConfig):
    """Lengths of a clip and of the two slices cut from it."""

    clip_ms: float = 875.0
    """Length of the clip that both slices come from; it bounds their distance in time."""
    slice_ms: float = 335.0
    """Length of a slice."""

    def __post_init__(self) -> None:
        check_numbers(self, clip_ms=DURATION_MS, slice_ms=DURATION_MS)
        if not self.slice_ms < self.clip_ms:
            raise UserError(
                f"slice_ms {self.slice_ms} of clip_ms {self.clip_ms}; a slice must be shorter "
                "than its clip, or both slices of a clip are the same"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return max(self.slice_frames(frontend) + 1, frontend.frames_of_ms(self.clip_ms))

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def length_option(self) -> str:
        return "--pretext.clip-ms (and --pretext.slice-ms below it)"
