"""The settings of CDPAM."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import COUNT, NOT_NEGATIVE, POSITIVE, check_numbers

DISTORTIONS = ("noise", "reverberation", "clipping", "band-loss")


@dataclass(frozen=True)
class CdpamConfig(SliceConfig):
    """Hyper-parameters of CDPAM."""

    distortions: tuple[str, ...] = DISTORTIONS
    """Distortions of the waveform. Each clip gets one of them, at a random strength."""
    slice_ms: float = WINDOW_MS
    """Length of the slice from which all versions of a clip are made."""
    temperature: float = 1.0
    """Divisor of the cosines in the contrastive losses."""
    hidden: int = 512
    """Hidden units of the projectors."""
    projection: int = 256
    """Outputs of the projectors."""
    margin: float = 0.1
    """Margin by which the distance of a strong distortion must exceed that of a weak one."""
    order_weight: float = 1.0
    """Weight of the loss that orders distances by strength."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.distortions
        if not isinstance(given, list | tuple) or not given or set(given) - set(DISTORTIONS):
            raise UserError(
                f"cdpam: distortions {given!r}; choose one or more of {', '.join(DISTORTIONS)}"
            )
        object.__setattr__(self, "distortions", tuple(given))
        check_numbers(
            self,
            temperature=POSITIVE,
            hidden=COUNT,
            projection=COUNT,
            margin=POSITIVE,
            order_weight=NOT_NEGATIVE,
        )
