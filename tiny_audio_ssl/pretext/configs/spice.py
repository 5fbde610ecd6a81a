"""The settings of SPICE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.slices import SeveralSlicesConfig
from tiny_audio_ssl.utils.ranges import COUNT, NOT_NEGATIVE, POSITIVE, check_numbers

BANDS, BANDS_PER_OCTAVE, LOWEST_HZ = 128, 24, 41.2  # E1, the lowest note of a double bass


def _edge_hz(bands: int) -> float:
    """Return the frequency that lies this number of bands above the lowest one."""
    return round(LOWEST_HZ * 2 ** (bands / BANDS_PER_OCTAVE), 3)


@dataclass(frozen=True)
class SpiceConfig(SeveralSlicesConfig):
    """Hyper-parameters of SPICE."""

    wants: ClassVar[FrontendConfig] = FrontendConfig(
        window_ms=128, hop_ms=16, bands=BANDS, min_hz=_edge_hz(-1), max_hz=_edge_hz(BANDS),
        scale="log", normalize="all",
    )  # fmt: skip

    clip_ms: float = 960.0
    """Length of the clip that slices are cut from."""
    slice_ms: float = 160.0
    """Length of a slice, for which one pitch is estimated."""
    slices: int = 8
    """Slices per clip."""
    largest_shift_bands: int = 8
    """Maximum number of bands by which either of the two spectra of a slice is shifted."""
    pitch_weight: float = 1e5
    """Weight of the error of the pitch difference."""
    reconstruction_weight: float = 1.0
    """Weight of the error of the spectrum reconstructed from the pitch."""
    hidden: int = 128
    """Hidden units of the decoder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            largest_shift_bands=COUNT,
            pitch_weight=POSITIVE,
            reconstruction_weight=NOT_NEGATIVE,
            hidden=COUNT,
        )
