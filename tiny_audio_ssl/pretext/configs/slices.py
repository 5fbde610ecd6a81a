"""The settings of tasks that encode one slice of a clip, or several, each independently."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, check_numbers


@dataclass(frozen=True)
class SliceConfig(PretextConfig):
    """Length of the slice, which is also the length of the clip."""

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


@dataclass(frozen=True)
class SeveralSlicesConfig(SliceConfig):
    """Lengths of a clip and of the slices cut from it."""

    clip_ms: float = WINDOW_MS
    """Length of the clip that slices are cut from."""
    slices: int = 4
    """Slices of each clip."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, clip_ms=DURATION_MS, slices=COUNT)
        if self.slice_ms > self.clip_ms:
            raise UserError(
                f"slice_ms {self.slice_ms:g} of clip_ms {self.clip_ms:g}; a slice must not be "
                "longer than its clip"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return max(self.slice_frames(frontend), frontend.frames_of_ms(self.clip_ms))

    def length_option(self) -> str:
        return "--pretext.clip-ms (and --pretext.slice-ms, which is at most that)"
