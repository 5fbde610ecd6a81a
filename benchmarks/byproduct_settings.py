"""The settings of `byproducts.py`, which the functions that measure a group are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

HERE = Path(__file__).parent


@dataclass(frozen=True)
class ByProducts:
    """Write one row for each system of each group."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder of the recordings."""
    groups: tuple[str, ...] = ()
    """Groups of rows to measure; all if left out."""
    out: Path = Path("runs/byproducts")
    """Folder of the runs."""
    csv: Path = HERE / "results" / "byproducts.csv"
    steps: int = 300
    """Steps of the runs that are trained here."""
    speakers: int = 3
    """Speakers whose own recordings enhancement is trained on, each by runs of their own."""
    seed: int = 0
