"""Split labeled recordings into training and test, so that nothing leaks.

Every split, drawn or official, goes through `sealed`: a recording with the same sound as a tested
one is removed from the training part, and a group on both sides is an error. There is no other way
to make a `Split` from a table.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.components import components, equal_items
from tiny_audio_ssl.utils.extras import require

Ints = NDArray[np.int64]
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
DRAWS = 20  # seeds to try before reporting that the groups make a split impossible
INNER_FOLDS = 3


@dataclass(frozen=True)
class Split:
    """Indices of the recordings in each part."""

    train: Ints
    test: Ints
    validation: Ints | None = None  # for choosing settings such as C, if the dataset has one
    left_out: int = 0  # recordings removed from training, as their sound is also tested


@dataclass(frozen=True)
class LabelTable:
    """The columns that decide how recordings are split; one row per recording."""

    truth: Ints  # index into `classes`
    classes: list[str]
    groups: list[str]  # a group is never split
    copies: Ints  # equal numbers: (partly) the same sound
    folds: list[str] | None = None  # official
    parts: list[str] | None = None  # official: train, validation or test

    @cached_property
    def joined_groups(self) -> list[str]:
        """Groups that share no sound with each other, [recordings]: those that do are joined."""
        links = [*equal_items(self.groups), *equal_items(self.copies.tolist())]
        return [self.groups[root] for root in components(len(self.groups), links)]


def split(table: LabelTable, folds: int = 5, seed: int = 0) -> list[Split]:
    """Return the official folds, the official split, or `folds` drawn ones that keep groups whole.

    Raises:
        UserError: a label has one example or is tested but never trained on, one label alone is
            tested, a group is on both sides, or there are too few groups or examples for that many
            folds.
    """
    _check_counts(table)
    if table.folds is not None and table.parts is not None:
        raise UserError("both --fold and --split were given; leave one of them out")
    if table.folds is not None:
        found = _official_folds(table)
    elif table.parts is not None:
        found = [_official_parts(table)]
    else:
        found = _drawn_folds(table, folds, seed)
    for one in found:
        if untrained := _untrained(table, one):
            raise UserError(
                f"label {_listed(untrained)} would be tested but never trained on; leave the label "
                "empty in the manifest, or choose other folds or groups"
            )
    tested = np.unique(table.truth[np.concatenate([one.test for one in found])])
    if len(tested) < 2:
        raise UserError(
            f"only label {table.classes[tested[0]]!r} is in the test part, so a classifier that "
            "knows no other label gets everything right; put recordings of two or more labels in "
            "the test part"
        )
    return found


def inner(table: LabelTable, outer: Split, seed: int = 0) -> list[Split]:
    """Split a training part again, to choose settings on, keeping folds and groups whole.

    Returns the official validation part if there is one, and nothing if the training part is a
    single group. Unlike in `split`, a tested class may be missing from training: that affects every
    choice alike.
    """
    if outer.validation is not None:
        return [sealed(table, outer.train, outer.validation)]
    truth = table.truth[outer.train]
    units = [table.groups[i] for i in outer.train]
    if table.folds is not None and len({table.folds[i] for i in outer.train}) > 1:
        units = [table.folds[i] for i in outer.train]
    most = min(INNER_FOLDS, len(set(units)), max(Counter(truth.tolist()).values()))
    if most < 2:
        return []
    pairs = [(outer.train[a], outer.train[b]) for a, b in _draw(truth, units, most, seed)]
    # A split whose training recordings are all copies of tested ones has nothing to train on.
    return [sealed(table, a, b) for a, b in pairs if len(_without_copies(table, a, b))]


def sealed(table: LabelTable, train: Ints, test: Ints, validation: Ints | None = None) -> Split:
    """Return the split without training (or validation) recordings whose sound is also tested.

    Raises `UserError` if a group is on both sides, or if a part ends up empty.
    """
    kept = _without_copies(table, train, test)
    if validation is not None:
        validation = _without_copies(table, validation, test)
        kept = _without_copies(table, kept, validation)
    found = Split(kept, test, validation, len(train) - len(kept))
    _check_apart(table, found)
    return found


def _without_copies(table: LabelTable, indices: Ints, tested: Ints) -> Ints:
    kept: Ints = indices[~np.isin(table.copies[indices], table.copies[tested])]
    return kept


def _check_apart(table: LabelTable, found: Split) -> None:
    parts = [("training", found.train), ("test", found.test)]
    if found.validation is not None:
        parts.insert(1, ("validation", found.validation))
    for name, indices in parts:
        if not len(indices):
            raise UserError(f"the {name} part of a split is empty; choose other folds or groups")
    for first, (one, left) in enumerate(parts):
        for other, right in parts[first + 1 :]:
            shared = {table.groups[i] for i in left} & {table.groups[i] for i in right}
            if shared:
                raise UserError(
                    f"group {_listed(sorted(shared))} is in both the {one} and the {other} part; "
                    "correct the manifest, choose another --group, or leave --fold and --split out"
                )
            if np.isin(table.copies[left], table.copies[right]).any():
                raise AssertionError("a sound on both sides of a split")


def _check_counts(table: LabelTable) -> None:
    counts = np.bincount(table.truth, minlength=len(table.classes))
    if single := [name for name, n in zip(table.classes, counts, strict=True) if n == 1]:
        raise UserError(
            f"label {_listed(single)} has one example, but training and test need one each; add "
            "more, or leave the label empty in the manifest"
        )


def _official_folds(table: LabelTable) -> list[Split]:
    own = np.array(table.folds)
    names = sorted(set(own.tolist()))
    if "" in names:
        raise UserError(f"{int((own == '').sum())} recordings have no fold; fill in the column")
    if len(names) < 2:
        raise UserError("the fold column has only one fold; leave --fold out to draw folds")
    return [sealed(table, *_sides(own == name)) for name in names]


def _official_parts(table: LabelTable) -> Split:
    parts = np.array([PARTS.get(text.strip().lower(), "") for text in table.parts or ()])
    if not parts.all():
        wrong = sorted({table.parts[i] for i in np.flatnonzero(parts == "")})  # type: ignore[index]
        raise UserError(f"split {_listed(wrong)}: expected train, validation or test")
    where = {name: np.flatnonzero(parts == name) for name in ("train", "test", "validation")}
    return sealed(
        table,
        where["train"],
        where["test"],
        where["validation"] if len(where["validation"]) else None,
    )


def _drawn_folds(table: LabelTable, folds: int, seed: int) -> list[Split]:
    """Draw folds in which copies of a sound stay together, or where the groups do not allow that,
    are left out of training where one of them is tested."""
    if folds < 2:
        raise UserError(f"{folds} folds; expected at least 2")
    if table.joined_groups != table.groups:
        with contextlib.suppress(UserError):
            found = _folds_of(table, table.joined_groups, folds, seed)
            if not any(_untrained(table, one) for one in found):
                return found
    return _folds_of(table, table.groups, folds, seed)


def _folds_of(table: LabelTable, units: list[str], folds: int, seed: int) -> list[Split]:
    """Draw folds of whole units, several times if needed, until every tested class is also trained
    on."""
    _check_groups(table, units, folds)
    found: list[Split] = []
    for attempt in range(DRAWS):
        pairs = _draw(table.truth, units, folds, seed + attempt)
        found = [sealed(table, train, test) for train, test in pairs]
        if len(found) == folds and not any(_untrained(table, one) for one in found):
            return found
    if len(found) < folds:
        raise UserError(
            f"the groups are too uneven for {folds} folds that have every label; lower --folds"
        )
    return found


def _check_groups(table: LabelTable, units: list[str], folds: int) -> None:
    most = max(Counter(table.truth.tolist()).values())
    if len(set(units)) < folds or most < folds:
        raise UserError(
            f"{len(set(units))} groups and at most {most} examples of a label are too few "
            f"for {folds} folds; lower --folds or choose another --group"
        )
    groups = np.array(units)
    single = [
        name
        for index, name in enumerate(table.classes)
        if len(set(groups[table.truth == index].tolist())) < 2
    ]
    if single:
        raise UserError(
            f"label {_listed(single)} is in only one group, which can't be both trained on and "
            "tested; choose another --group, or leave the label empty in the manifest"
        )


def _draw(truth: Ints, units: Sequence[str], folds: int, seed: int) -> list[tuple[Ints, Ints]]:
    """Draw (train, test) pairs that test each unit once, with classes as even as possible."""
    selection = require("sklearn.model_selection", "eval")
    alone = len(set(units)) == len(units)
    splitter = selection.StratifiedKFold if alone else selection.StratifiedGroupKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about rare classes, which `split` checks
        drawn = splitter(folds, shuffle=True, random_state=seed).split(truth, truth, units)
        return [(train, test) for train, test in drawn if len(test)]


def _sides(tested: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def _untrained(table: LabelTable, found: Split) -> list[str]:
    missing = set(table.truth[found.test].tolist()) - set(table.truth[found.train].tolist())
    return [table.classes[index] for index in sorted(missing)]


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + more
