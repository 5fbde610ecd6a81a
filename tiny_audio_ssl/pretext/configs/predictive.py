"""The settings of tasks that predict later steps of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.utils.ranges import COUNT, check_numbers


@dataclass(frozen=True)
class PredictiveConfig(StepsConfig):
    """Steps to predict, and the negatives beside them."""

    distances: int = 8
    """Number of distances at which a step is predicted. The smallest distance is the first at which
    slices share no sample: 3 steps (120 ms) with the default lengths."""
    negatives: int = 10
    """Wrong candidates for each step to predict."""
    negatives_from: Literal["clip", "batch"] = "clip"
    """Source of the negatives. `clip`: the same clip, so that whatever is constant in a clip, such
    as the speaker, does not help; `batch`: all clips, which is easier and teaches what is constant.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, distances=COUNT, negatives=COUNT)
        if self.negatives_from not in ("clip", "batch"):
            raise UserError(f"negatives_from {self.negatives_from!r}; expected clip or batch")

    def predicted(self, frontend: FrontendConfig) -> range:
        """Return the distances, in steps. Raises `UserError` if they exceed the length of a
        clip."""
        first = self.first_distance(frontend)
        distances = range(first, first + self.distances)
        if distances[-1] >= self.steps:
            raise UserError(
                f"distances {self.distances} from {first} steps on, and clips of {self.steps} "
                f"steps: expected at least {distances[-1] + 1} steps, such as --pretext.steps "
                f"{2 * distances[-1]}, or fewer --pretext.distances"
            )
        return distances

    def clip_frames(self, frontend: FrontendConfig) -> int:
        self.predicted(frontend)
        return super().clip_frames(frontend)

    def length_option(self) -> str:
        return f"{super().length_option()} (--pretext.distances must be fewer than the steps)"
