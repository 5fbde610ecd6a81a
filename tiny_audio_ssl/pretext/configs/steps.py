"""The settings of tasks that look at a clip as a sequence of steps."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, check_numbers


@dataclass(frozen=True)
class StepsConfig(PretextConfig):
    """Lengths of the overlapping slices that a clip is cut into, one for each step."""

    slice_ms: float = 95.0
    """Length of the slice that the encoder receives for a step."""
    hop_ms: float = 40.0
    """Time from one step to the next."""
    steps: int = 22
    """Steps per clip."""
    size: int = 128
    """Size of the vectors that the context network reads and writes. The network is discarded after
    training."""

    def __post_init__(self) -> None:
        check_numbers(self, slice_ms=DURATION_MS, hop_ms=DURATION_MS, steps=COUNT, size=COUNT)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def hop_frames(self, frontend: FrontendConfig) -> int:
        """Return the log-mel frames from one step to the next. Raises `UserError` if there are
        none, or if a slice ends before the next begins."""
        hop, frames = round(self.hop_ms / frontend.hop_ms), self.slice_frames(frontend)
        if not 1 <= hop <= frames:
            raise UserError(
                f"hop_ms {self.hop_ms} with slice_ms {self.slice_ms}: that is {hop} of {frames} "
                f"frames; expected 1 to {frames}, such as --pretext.hop-ms "
                f"{frontend.hop_ms * max(1, frames // 2):g}"
            )
        return hop

    def first_distance(self, frontend: FrontendConfig) -> int:
        """Return the smallest distance of two steps whose slices share no sample."""
        samples = frontend.samples(self.slice_frames(frontend))
        return -(-samples // (self.hop_frames(frontend) * frontend.hop))

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return (self.steps - 1) * self.hop_frames(frontend) + self.slice_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.steps, --pretext.hop-ms or --pretext.slice-ms"
