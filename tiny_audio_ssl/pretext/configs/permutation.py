"""The settings of permutations."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import COUNT, POSITIVE, check_numbers


@dataclass(frozen=True)
class PermutationConfig(SliceConfig):
    """Hyper-parameters of permutations."""

    slice_ms: float = WINDOW_MS
    """Length of the slice whose patches are shuffled."""
    time_patches: int = 8
    """Number of patches along time."""
    band_patches: int = 1
    """Number of patches along frequency."""
    noise: float = 0.5
    """Standard deviation of the noise that perturbs the scores in the loss."""
    noise_draws: int = 16
    """Number of noise draws over which the loss is averaged."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            time_patches=COUNT,
            band_patches=COUNT,
            noise=POSITIVE,
            noise_draws=COUNT,
        )
        if self.time_patches * self.band_patches < 2:
            raise UserError(
                "permutation: one patch has no order; expected 2 or more with "
                "--pretext.time-patches or --pretext.band-patches"
            )

    def patch_frames(self, frontend: FrontendConfig) -> int:
        """Return the frames of a patch, between which one frame is left out."""
        return patch_size("time", frontend.frames_of_ms(self.slice_ms), self.time_patches)

    def patch_bands(self, frontend: FrontendConfig) -> int:
        """Return the bands of a patch, between which one band is left out."""
        return patch_size("band", frontend.bands, self.band_patches)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return self.time_patches * (self.patch_frames(frontend) + 1) - 1


def patch_size(axis: str, size: int, patches: int) -> int:
    """Return the size of a patch along an axis. Raises `UserError` if nothing is left of it."""
    left = (size + 1) // patches - 1
    if left < 1:
        unit = "frames of --pretext.slice-ms" if axis == "time" else "bands"
        raise UserError(
            f"permutation: {patches} {axis} patches with a gap between them do not fit into "
            f"{size} {unit}; lower --pretext.{axis}-patches"
        )
    return left
