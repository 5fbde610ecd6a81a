"""The settings of the autoencoders."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import DURATION_MS, NOT_NEGATIVE, SHARE, check_numbers


@dataclass(frozen=True)
class AutoencoderConfig(PretextConfig):
    """Hyper-parameters of the autoencoder."""

    slice_ms: float = 335.0
    """Length N of a slice, and of the clip that it comes from."""

    def __post_init__(self) -> None:
        check_numbers(self, slice_ms=DURATION_MS)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.slice-ms"


@dataclass(frozen=True)
class DenoisingAutoencoderConfig(AutoencoderConfig):
    """Hyper-parameters of the denoising autoencoder."""

    noise: float = 0.5
    """Largest standard deviation of the noise on the normalized log-mel, whose own is 1."""
    mixup: float = 0.5
    """Largest share of another clip in the energy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, noise=NOT_NEGATIVE, mixup=SHARE)
