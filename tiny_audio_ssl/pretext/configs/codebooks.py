"""The settings of codebooks that are learned with a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, POSITIVE, Range, check_numbers

_ENTRIES = Range(2, 10_000, whole=True)
_GROUPS = Range(1, 64, whole=True)


@dataclass(frozen=True)
class CodebookConfig(PretextConfig):
    """Size of a product codebook, and how its entries are chosen."""

    codebook: Literal["gumbel", "kmeans"] = "gumbel"
    """`gumbel`: entries are chosen by a layer, with the Gumbel softmax; `kmeans`: the nearest
    entries."""
    groups: int = 2
    """Entries that describe one step together, one of each group. With 1, few are ever used."""
    entries: int = 64
    """Entries of each group (320 in the papers, for 960 hours of speech)."""
    tau_start: float = 2.0
    """Temperature of the Gumbel softmax at the first step; from there it falls exponentially."""
    tau_end: float = 0.5
    """Temperature at the last step."""
    diversity: float = 0.0
    """Weight of a term that is lower the more entries are in use, for `gumbel`."""
    commitment: float = 0.25
    """Weight of the term that draws steps to their entries, for `kmeans`."""

    def check_codebook(self, size: int) -> None:
        """Raise `UserError` for settings that make no sense with vectors of this size."""
        if self.codebook not in ("gumbel", "kmeans"):
            raise UserError(f"codebook {self.codebook!r}; expected gumbel or kmeans")
        check_numbers(
            self,
            groups=_GROUPS,
            entries=_ENTRIES,
            tau_start=POSITIVE,
            tau_end=POSITIVE,
            diversity=NOT_NEGATIVE,
            commitment=NOT_NEGATIVE,
        )
        if self.tau_end > self.tau_start:
            raise UserError(
                f"the temperature falls from tau_start {self.tau_start} to tau_end {self.tau_end}; "
                "expected tau_end at or below tau_start"
            )
        if size % self.groups:
            raise UserError(
                f"size {size} does not divide into {self.groups} groups; choose another "
                "--pretext.size or --pretext.groups"
            )
