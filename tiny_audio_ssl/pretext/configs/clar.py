"""The settings of CLAR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.slices import SliceConfig
from tiny_audio_ssl.utils.ranges import COUNT, POSITIVE, SHARE, check_numbers

LABEL = "label"  # the manifest column of the classes
AUGMENTATIONS = ("pitch-shift", "fade", "time-mask", "time-shift", "time-stretch", "noise")


@dataclass(frozen=True)
class ClarConfig(SliceConfig):
    """Hyper-parameters of CLAR."""

    classes: tuple[str, ...] = ()
    """Values of the manifest column `label` that are learned as classes at the same time.
    Recordings without a label or with another one only take part in the contrastive loss. Default:
    no labels are used."""
    augmentations: tuple[str, ...] = AUGMENTATIONS
    """Distortions of the waveform from which the two views are made, in this order."""
    probability: float = 0.5
    """Probability of each augmentation for each view."""
    slice_ms: float = WINDOW_MS
    """Length of the slice that both views are made of."""
    temperature: float = 0.5
    """Divisor of the cosines in the contrastive loss."""
    hidden: int = 512
    """Hidden units of the projector."""
    projection: int = 128
    """Outputs of the projector."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("classes", "augmentations"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        if len(self.classes) == 1:
            raise UserError(f"clar: one class, {self.classes[0]}; give two or more, or none")
        if unknown := [name for name in self.augmentations if name not in AUGMENTATIONS]:
            raise UserError(
                f"clar: augmentation {unknown[0]!r} is not known; choose from "
                f"{', '.join(AUGMENTATIONS)}"
            )
        if not self.augmentations:
            raise UserError(
                "clar: without augmentations both views are the same; choose from "
                f"{', '.join(AUGMENTATIONS)}"
            )
        check_numbers(
            self,
            probability=SHARE,
            temperature=POSITIVE,
            hidden=COUNT,
            projection=COUNT,
        )

    def class_lists(self) -> dict[str, tuple[str, ...]]:
        return {LABEL: self.classes} if self.classes else {}

    def columns_option(self) -> str:
        return "--pretext.classes"


def _texts(name: str, given: Any) -> tuple[str, ...]:
    """Return the values of a setting, without spaces around them."""
    if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
        raise UserError(f"clar: {name} is {given!r}; expected texts")
    texts = tuple(text.strip() for text in given)
    if "" in texts or len(set(texts)) < len(texts):
        raise UserError(f"clar: {name} is {' '.join(texts)!r}; expected different texts")
    return texts
