"""The settings of tasks that look at one slice of a clip."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import DURATION_MS, check_numbers


@dataclass(frozen=True)
class SliceConfig(PretextConfig):
    """The length of the slice, which is that of the clip too."""

    slice_ms: float = WINDOW_MS
    """Length of a slice."""

    def __post_init__(self) -> None:
        check_numbers(self, slice_ms=DURATION_MS)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.slice-ms"
