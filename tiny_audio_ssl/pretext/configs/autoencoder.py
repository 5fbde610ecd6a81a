"""The settings of the autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig


@dataclass(frozen=True)
class AutoencoderConfig(PretextConfig):
    """Hyper-parameters of the autoencoder."""

    slice_ms: float = 335.0
    """Length N of a slice, and of the clip that it comes from."""

    def __post_init__(self) -> None:
        if self.slice_ms <= 0:
            raise UserError(f"autoencoder: slice_ms {self.slice_ms}; expected more than 0")

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.slice-ms"
