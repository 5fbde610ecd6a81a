"""ABX error: how often a phone is nearer to another phone than to itself.

A and X are the same phone, B is another one, all in the same context; a triplet is wrong if X is
farther from A than from B, and half wrong if the distances are equal (Schatz et al., Interspeech
2013). The distance is the angle between frames over pi, averaged along the path of dynamic time
warping. With `within`, all three are spoken by one speaker; with `across`, A and B by one and X by
another.

The measure of ZeroSpeech and Libri-Light, and equal to that of `fastabx` 0.9.0. Contexts are
ignored by Hallap et al., arXiv 2210.15775 (`any`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.frames import Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.speech.features import Ints, PhoneFeatures
from tiny_audio_ssl.evaluation.speech.items import Item
from tiny_audio_ssl.evaluation.speech.time_warping import warped_distances
from tiny_audio_ssl.utils.ranges import COUNT, SEED, check_numbers

Speaker = Literal["within", "across"]
Context = Literal["within", "any"]
T = TypeVar("T")
CELLS_AT_ONCE = 10_000  # whose distances are in memory


@dataclass(frozen=True)
class AbxConfig:
    """Which phones are compared."""

    speaker: Speaker = "within"
    """Speaker of X: that of A and B (`within`), or another one (`across`)."""
    context: Context = "within"
    """`within`: the phones before and after are the same for A, B and X; `any`: they may differ."""
    max_items: int | None = 10
    """Maximum number of A, B and X that are compared with one another; None for all."""
    max_x_speakers: int | None = 5
    """Maximum number of speakers of X for each speaker of A and B; None for all."""
    seed: int = 0
    """Random seed for drawing them."""

    def __post_init__(self) -> None:
        check_numbers(self, seed=SEED)
        for name in ("max_items", "max_x_speakers"):
            if getattr(self, name) is not None:
                check_numbers(self, **{name: COUNT})


@dataclass(frozen=True)
class Cell:
    """Phones to compare: every A with every B and every X, each an index of an item."""

    phone: str  # of A and X
    other: str  # of B
    speaker: str  # of A and B
    a: Ints
    b: Ints
    x: Ints


@dataclass(frozen=True)
class AbxScore:
    """The error, 0 to 1, chance 0.5; and that of each pair of a phone and another one."""

    error: float
    pairs: Mapping[tuple[str, str], float]
    cells: int


def abx(features: PhoneFeatures, items: Sequence[Item], config: AbxConfig) -> AbxScore:
    """Measure the ABX error of the items' features.

    Errors of cells are averaged over contexts, then speakers, then pairs of phones.

    Raises `UserError` if no two phones can be compared as `config` requires.
    """
    cells = list(all_cells(items, config))
    if not cells:
        raise UserError(_nothing(items, config))
    errors = cell_errors(features, cells)
    pairs = [(cell.phone, cell.other) for cell in cells]
    if config.context == "within":  # fastabx does not average by speaker where it has no contexts
        keys, errors = _means(
            [(*pair, cell.speaker) for pair, cell in zip(pairs, cells, strict=True)], errors
        )
        pairs = [(phone, other) for phone, other, _ in keys]
    distinct, means = _means(pairs, errors)
    by_pair = dict(zip(distinct, means.tolist(), strict=True))
    return AbxScore(float(np.mean(means)), by_pair, len(cells))


def all_cells(items: Sequence[Item], config: AbxConfig) -> Iterator[Cell]:
    """Yield the cells, with as many items and speakers as `config` allows."""
    rng = np.random.default_rng(config.seed)
    for speakers in _by_context(items, config.context).values():
        of_phone: dict[str, list[str]] = defaultdict(list)  # its speakers
        for speaker, phones in speakers.items():
            for phone in phones:
                of_phone[phone].append(speaker)
        for speaker, phones in speakers.items():
            for phone, other in permutations(phones, 2):
                a, b = phones[phone], phones[other]
                chosen = _drawn(a, config.max_items, rng)
                if config.speaker == "within":
                    of_x = [chosen] if len(a) > 1 else []
                else:
                    others = [one for one in of_phone[phone] if one != speaker]
                    drawn = _drawn(others, config.max_x_speakers, rng)
                    of_x = [_drawn(speakers[one][phone], config.max_items, rng) for one in drawn]
                for x in of_x:
                    of_b = _drawn(b, config.max_items, rng)
                    yield Cell(phone, other, speaker, *map(np.array, (chosen, of_b, x)))


def cell_errors(features: PhoneFeatures, cells: Sequence[Cell]) -> NDArray[np.float64]:
    """Return the share of wrong triplets in each cell, [cells]."""
    unit = _unit_rows(features.frames)
    features = PhoneFeatures(unit, features.starts, features.ends)
    errors = []
    rest = iter(cells)
    while batch := list(islice(rest, CELLS_AT_ONCE)):
        pairs = [_pairs(cell.x, near) for cell in batch for near in (cell.a, cell.b)]
        distances = _distances(features, np.concatenate(pairs))
        parts = iter(np.split(distances, np.cumsum([len(pair) for pair in pairs])[:-1]))
        errors += [_error(cell, next(parts), next(parts)) for cell in batch]
    return np.array(errors)


def _distances(features: PhoneFeatures, pairs: Ints) -> NDArray[np.float64]:
    """Return the distance of each pair [pairs, 2]; equal pairs are computed once."""
    phones = len(features.starts)
    distinct, place = np.unique(pairs[:, 0] * phones + pairs[:, 1], return_inverse=True)
    return warped_distances(features, np.stack(np.divmod(distinct, phones), axis=1))[place]


def _error(cell: Cell, to_a: NDArray[np.float64], to_b: NDArray[np.float64]) -> float:
    to_a, to_b = to_a.reshape(len(cell.x), -1, 1), to_b.reshape(len(cell.x), 1, -1)
    wrong = 0.5 * (1 + np.sign(to_a - to_b))
    others = cell.x[:, None] != cell.a[None]  # nothing is compared with itself
    return float(wrong[others].mean())


def _by_context(
    items: Sequence[Item], context: Context
) -> dict[tuple[str, str], dict[str, dict[str, list[int]]]]:
    """Return indices of items by context, speaker and phone."""
    found: dict[tuple[str, str], dict[str, dict[str, list[int]]]] = {}
    for i, item in enumerate(items):
        around = (item.before, item.after) if context == "within" else ("", "")
        phones = found.setdefault(around, {}).setdefault(item.speaker, {})
        phones.setdefault(item.phone, []).append(i)
    return found


def _drawn(given: list[T], most: int | None, rng: np.random.Generator) -> list[T]:
    if most is None or len(given) <= most:
        return given
    return [given[i] for i in rng.choice(len(given), most, replace=False)]


def _pairs(first: Ints, second: Ints) -> Ints:
    return np.stack([np.repeat(first, len(second)), np.tile(second, len(first))], axis=1)


def _unit_rows(frames: Floats) -> Floats:
    """Scale rows to length one; a row of zeros has no angle and becomes that of equal numbers."""
    length = np.linalg.norm(frames, axis=1, keepdims=True)
    unit = np.where(length > 0, frames, 1) / np.where(length > 0, length, frames.shape[1] ** 0.5)
    return np.ascontiguousarray(unit, np.float32)


def _means(keys: Sequence[T], values: NDArray[np.float64]) -> tuple[list[T], NDArray[np.float64]]:
    """Return the distinct keys in their order, and the mean of the values of each."""
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    place = np.array([number[key] for key in keys])
    totals = np.bincount(place, weights=values)
    return list(number), totals / np.bincount(place)


def _nothing(items: Sequence[Item], config: AbxConfig) -> str:
    speakers = len({item.speaker for item in items})
    phones = len({item.phone for item in items})
    found = f"{len(items)} phones of {phones} kinds by {speakers} speakers"
    if config.speaker == "across" and speakers == 1:
        return f"{found}: nothing to compare across speakers; use --speakers within"
    advice = "; use --context any" if config.context == "within" else ""
    return f"{found}: no two kinds can be compared {config.speaker} speakers{advice}"
