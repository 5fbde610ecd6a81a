"""The settings of distillation."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig


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
        if self.clip_ms <= 0 or not 0 <= self.mix <= 1:
            raise UserError(
                f"distillation: clip_ms {self.clip_ms}, mix {self.mix}; expected clip_ms > 0 "
                "and mix in 0..1"
            )

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.clip_ms)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return self.clip_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.clip-ms"
