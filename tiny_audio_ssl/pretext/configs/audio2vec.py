"""The settings of Audio2Vec."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, DURATION_OR_0_MS, check_numbers


@dataclass(frozen=True)
class Audio2VecConfig(PretextConfig):
    """Hyper-parameters of both forms of Audio2Vec."""

    slice_ms: float = 175.0
    """Length N of a slice."""
    gap_ms: float = 0.0
    """Gap G between two slices."""
    context: int = 2
    """Number P of slices before the middle one, and as many after it."""

    def __post_init__(self) -> None:
        check_numbers(self, slice_ms=DURATION_MS, gap_ms=DURATION_OR_0_MS, context=COUNT)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def stride_frames(self, frontend: FrontendConfig) -> int:
        """Return the frames from the start of one slice to the start of the next."""
        return self.slice_frames(frontend) + round(self.gap_ms / frontend.hop_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        stride = self.stride_frames(frontend)
        return 2 * self.context * stride + self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.slice-ms, --pretext.gap-ms or --pretext.context"
