"""What is wrong with a label column, before a wrong number comes of it."""

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
    """Two labels or more, none of them another one written differently.

    `name` is the column's. Raises `UserError` with what was found.
    """
    found = sorted(set(labels))
    if len(found) < 2:
        raise UserError(
            f"{len(labels)} clips with {len(found)} labels in column {name!r}; a probe needs two "
            "labels or more"
        )
    written = defaultdict(list)
    for label in found:
        written[meaning(label)].append(label)
    for same in written.values():
        if len(same) > 1:
            raise UserError(
                f"column {name!r} has {', '.join(map(repr, same))}, which look like one class "
                "written differently; write it in one way"
            )
    words = [label for label in found if not NUMBER.fullmatch(label.strip())]
    if [word.strip().lower() for word in words] == ["nan"]:
        raise UserError(f"column {name!r} has numbers and {words[0]!r}; leave such cells empty")


def meaning(label: str) -> str:
    """Equal for labels that say the same: 1, 01, 1.0, " 1 ", one. Case is kept, since it may be
    meant (phones, pitches), and so are hexadecimal names such as 1e5."""
    text = label.strip()
    text = SPELLED.get(text.lower(), text)
    return str(Decimal(text).normalize()) if NUMBER.fullmatch(text) else text
