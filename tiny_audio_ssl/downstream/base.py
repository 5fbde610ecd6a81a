"""A downstream task: labelled recordings, and how they are split into training and test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One question asked of an embedding."""

    name: str
    """As it stands in tables."""
    source: str
    """A CSV manifest or `builtin`; with `dataset`, the folder where that dataset lies."""
    dataset: str | None = None
    """Read `source` in the official layout of this dataset, a name in DATASETS; the columns below
    then have the dataset's own names if left out."""
    label: str = "label"
    """Column with the labels; recordings without one are left out."""
    fold: str | None = None
    """Column with official folds: each is tested once."""
    split: str | None = None
    """Column with an official split: train, validation (may be absent) or test."""
    group: str | None = None
    """Column whose groups (speakers, sources) never stand on both sides of a split."""
    where: tuple[str, ...] = ()
    """Only recordings with COLUMN=VALUE, all of them."""
    folds: int = 5
    """How many folds are drawn, if there are neither official folds nor an official split."""
    seed: int = 0
    """Of the drawn folds."""
