"""Weights of tasks, or of the workers of a task, given as pairs on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tyro.constructors import PrimitiveConstructorSpec

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import POSITIVE

Weights = dict[str, float]


def parse_weights(words: Sequence[str], name: str, example: str) -> Weights:
    """Parse pairs of a name and a number. Raises `UserError` if they are not pairs."""
    try:
        return {key: float(w) for key, w in zip(words[::2], words[1::2], strict=True)}
    except ValueError:
        raise UserError(
            f"weights {' '.join(words)!r}: expected pairs of a {name} and a number, e.g. {example}"
        ) from None


def format_weights(weights: Mapping[str, float]) -> list[str]:
    """Return the command-line arguments for these weights."""
    return [word for name, weight in weights.items() for word in (name, f"{weight:g}")]


def pairs(name: str, example: str) -> PrimitiveConstructorSpec[Weights]:
    """Return the way in which the command line parses and prints weights; `name` is in capitals."""
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=f"{name} WEIGHT [{name} WEIGHT ...]",
        instance_from_str=lambda words: parse_weights(words, name.lower(), example),
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=format_weights,
    )


def check_pairs(weights: object, name: str, known: Sequence[str]) -> None:
    """Raise `UserError` unless the weights are positive numbers by some of the `known` names."""
    listed = ", ".join(known)
    if not isinstance(weights, dict) or not weights:
        raise UserError(f"weights {weights!r}: expected a weight for each of some of {listed}")
    unknown = [key for key in weights if key not in known]
    if unknown:
        raise UserError(f"can't combine {', '.join(map(repr, unknown))}; choose from {listed}")
    for key, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or weight not in POSITIVE:
            raise UserError(
                f"the weight of {key} is {weight}; expected more than 0. Leave out each {name} "
                f"that should not count; the known ones are {listed}"
            )
