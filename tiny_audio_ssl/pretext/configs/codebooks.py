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
    """Size of a product codebook, and the choice of its entries."""

    codebook: Literal["gumbel", "kmeans"] = "gumbel"
    """Choice of entries. `gumbel`: a layer chooses them, with the Gumbel softmax; `kmeans`: the
    nearest entries."""
    groups: int = 2
    """Number of groups; each step is described by one entry of each. With 1 group, few entries are
    ever used."""
    entries: int = 64
    """Entries per group (320 in the papers, for 960 hours of speech)."""
    tau_start: float = 2.0
    """Temperature of the Gumbel softmax at the first step; it then decays exponentially."""
    tau_end: float = 0.5
    """Temperature of the Gumbel softmax at the last step."""
    diversity: float = 0.0
    """Weight of the diversity loss, which rewards using more entries, for `gumbel`."""
    commitment: float = 0.25
    """Weight of the commitment loss, which pulls steps to their entries, for `kmeans`."""

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
