"""Ranges of numeric settings, and one check for all of them.

Call `check_numbers` in the `__post_init__` of every dataclass with numeric settings. It refuses
NaN, infinity, text, truth values, fractions where a whole number is expected, and numbers out of
range.
"""

from __future__ import annotations

import numbers
import sys
from dataclasses import dataclass
from typing import Any

from tiny_audio_ssl.errors import UserError

_LARGEST = sys.float_info.max  # below infinity


@dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`, without those two where `open_low`, `open_high`."""

    low: float = -_LARGEST
    high: float = _LARGEST
    whole: bool = False  # whole numbers only
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return bool(above and below)  # False for NaN

    def __str__(self) -> str:
        parts = []
        if self.low > -_LARGEST:
            parts.append(f"{'more than' if self.open_low else 'at least'} {self.low:g}")
        if self.high < _LARGEST:
            high = str(self.high) if self.whole else f"{self.high:g}"
            parts.append(f"{'less than' if self.open_high else 'at most'} {high}")
        kind = "a whole number" if self.whole else "a finite number"
        return f"{kind}, {' and '.join(parts)}" if parts else kind


ANY = Range()
POSITIVE = Range(0, open_low=True)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
SHARE_BELOW_1 = Range(0, 1, open_high=True)
COUNT = Range(1, 2**31 - 1, whole=True)
COUNT_OR_0 = Range(0, 2**31 - 1, whole=True)
SEED = Range(0, 2**63 - 1, whole=True)
DURATION_MS = Range(0, 3_600_000, open_low=True)
DURATION_OR_0_MS = Range(0, 3_600_000)
DURATION_S = Range(0, 31_536_000, open_low=True)
DURATION_OR_0_S = Range(0, 31_536_000)


def checked_number(name: str, value: Any, allowed: Range) -> Any:
    """Return the number as a plain `int` or `float`. Raises `UserError` if it is not allowed."""
    kind = numbers.Integral if allowed.whole else numbers.Real
    if isinstance(value, bool) or not isinstance(value, kind) or value not in allowed:
        raise UserError(f"{name} is {_shown(value)}; expected {allowed}")
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value)


def check_numbers(settings: Any, **allowed: Range) -> None:
    """Check the numeric fields of a dataclass by name, and make plain numbers of NumPy's.

    A field whose default is None may be None. Raises `UserError` that names the field.
    """
    for name, range_ in allowed.items():
        value = getattr(settings, name)
        if value is None and getattr(type(settings), name, ...) is None:
            continue
        number = checked_number(name, value, range_)
        if type(number) is not type(value):
            object.__setattr__(settings, name, number)


def check_ascending(settings: Any, low: str, high: str) -> None:
    """Raise `UserError` unless the first of two numeric fields is at most the second."""
    first, second = getattr(settings, low), getattr(settings, high)
    if first > second:
        raise UserError(
            f"{low} {first:g} is above {high} {second:g}; expected the smaller one first"
        )


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
