"""The settings of HuBERT."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.masked_steps import MaskedStepsConfig
from tiny_audio_ssl.utils.ranges import POSITIVE, Range, check_numbers, checked_number

MFCC = "mfcc"
_CLUSTERS = Range(2, 10_000, whole=True)


@dataclass(frozen=True)
class HubertConfig(MaskedStepsConfig):
    """Hyper-parameters of HuBERT."""

    targets: str = MFCC
    """Features that are clustered. First iteration: `mfcc`; second iteration: the folder of the
    first run, whose encoder computes them."""
    clusters: tuple[int, ...] = (50, 100)
    """Sizes of the codebooks, all of which are predicted. Fitting needs at least 20 steps per
    cluster. The paper has 100, and 500 in its second iteration, for 960 hours of speech."""
    temperature: float = 0.1
    """Divisor of the cosines."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, temperature=POSITIVE)
        if not isinstance(self.targets, str) or not self.targets:
            raise UserError(f"targets is {self.targets!r}; expected {MFCC} or the folder of a run")
        given = self.clusters
        if not isinstance(given, list | tuple) or not given:
            raise UserError(f"clusters is {given!r}; expected one or more sizes, such as 50 100")
        sizes = tuple(checked_number("clusters", size, _CLUSTERS) for size in given)
        object.__setattr__(self, "clusters", sizes)
