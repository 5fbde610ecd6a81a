"""Checks of a label column that would otherwise give wrong results."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from tiny_audio_ssl.errors import UserError

NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SPELLED = {word: str(number) for number, word in enumerate(WORDS)} | {"false": "0", "true": "1"}


def check_labels(labels: Sequence[str], name: str) -> None:
    """Check that there are at least two labels, and that no label is spelled in two ways.

    Args:
        name: name of the column, for the message.

    Raises:
        UserError: fewer than two labels, labels that look like one class, or "nan" among numbers.
    """
    found = sorted(set(labels))
    if len(found) < 2:
        raise UserError(
            f"column {name!r} has {len(found)} labels in {len(labels)} clips; a probe needs two or "
            "more labels"
        )
    written = defaultdict(list)
    for label in found:
        written[meaning(label)].append(label)
    for same in written.values():
        if len(same) > 1:
            raise UserError(
                f"column {name!r} has {', '.join(map(repr, same))}, which look like one class "
                "spelled in different ways; use one spelling"
            )
    words = [label for label in found if not NUMBER.fullmatch(label.strip())]
    if [word.strip().lower() for word in words] == ["nan"]:
        raise UserError(f"column {name!r} has numbers and {words[0]!r}; leave those cells empty")


def meaning(label: str) -> str:
    """Return a form that is equal for labels of one meaning, such as 1, 01, 1.0, " 1 " and one.

    Case is kept, since it may matter (phones, pitches), and so are hexadecimal names such as 1e5.
    """
    text = label.strip()
    text = SPELLED.get(text.lower(), text)
    return str(Decimal(text).normalize()) if NUMBER.fullmatch(text) else text
