"""The settings of the autoencoders."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, SHARE, check_numbers


@dataclass(frozen=True)
class AutoencoderConfig(SliceConfig):
    """Hyper-parameters of the autoencoder."""

    slice_ms: float = 335.0
    """Length N of a slice, and of the clip that it comes from."""


@dataclass(frozen=True)
class DenoisingAutoencoderConfig(AutoencoderConfig):
    """Hyper-parameters of the denoising autoencoder."""

    noise: float = 0.5
    """Maximum standard deviation of the noise on the normalized log-mel, whose own is 1."""
    mixup: float = 0.5
    """Maximum share of another clip in the energy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, noise=NOT_NEGATIVE, mixup=SHARE)
