"""The settings of distillation."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import DURATION_MS, SHARE, check_numbers


@dataclass(frozen=True)
class DistillationConfig(PretextConfig):
    """Hyper-parameters of distillation."""

    teacher: str = "tiny_audio_ssl.embedding.mel_statistics"
    """Module with the HEAR API. One that is not installed is found through PYTHONPATH=FOLDER. The
    default, statistics of the log-mel, needs no weights and teaches little."""
    weights: str | None = None
    """Path that is passed to the teacher's `load_model`, if it takes one."""
    clip_ms: float = WINDOW_MS
    """Length of the clips that teacher and encoder are given."""
    mix: float = 0.5
    """Share of the clips that are mixed with another clip."""

    def __post_init__(self) -> None:
        check_numbers(self, clip_ms=DURATION_MS, mix=SHARE)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.clip_ms)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return self.clip_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.clip-ms"
