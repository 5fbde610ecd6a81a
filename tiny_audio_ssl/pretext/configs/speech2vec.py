"""The settings of Speech2Vec."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, check_numbers

WORDS = "words"  # the manifest column of their times


@dataclass(frozen=True)
class Speech2VecConfig(PretextConfig):
    """Hyper-parameters of Speech2Vec."""

    aligned: bool = True
    """Take the times of words from the manifest column `words`, with cells such as "0.31-0.62
    0.62-1.1" in seconds. Otherwise, clips are cut into pieces of `slice_ms`, which are treated as
    words."""
    clip_ms: float = 2000.0
    """Length of the clip that a word and its neighbors are taken from."""
    slice_ms: float = 495.0
    """Length that each word is stretched or squeezed to before it is encoded."""
    context: int = 2
    """Number of neighbors on either side of a word."""
    code: int = 50
    """Size of the vector that the decoder receives for a word."""
    hidden: int = 128
    """Hidden units of the recurrent decoder."""

    def __post_init__(self) -> None:
        if not isinstance(self.aligned, bool):
            raise UserError(f"aligned is {self.aligned!r}; expected true or false")
        check_numbers(
            self,
            clip_ms=DURATION_MS,
            slice_ms=DURATION_MS,
            context=COUNT,
            code=COUNT,
            hidden=COUNT,
        )

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.slice_ms)

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return max(2 * self.slice_frames(frontend), frontend.frames_of_ms(self.clip_ms))

    def length_option(self) -> str:
        return "--pretext.clip-ms and --pretext.slice-ms, which is at most half as long"

    def word_columns(self) -> tuple[str, ...]:
        return (WORDS,) if self.aligned else ()

    def columns_option(self) -> str:
        return "--pretext.aligned"
