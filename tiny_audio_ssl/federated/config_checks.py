"""Checks of single settings, with errors that name the key as the command line spells it."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import ANY


def checked_type(name: str, value: Any, kind: Any) -> Any:
    """Return the value if it has the field's type; an integer is converted to a float if one is
    expected.

    Raises `UserError` for another type, or a word that is not among the choices.
    """
    key = name.replace("_", "-")
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(
                f"{key} {value!r} is not known; choose from {', '.join(get_args(kind))}"
            )
        return value
    if kind is float and type(value) is int:
        return float(value) if value in ANY else value
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise UserError(f"{key} is {value!r}; expected a value of type {kind.__name__}")
    return value


def expect(right: bool, name: str, value: object, expected: str) -> None:
    """Raise `UserError` unless `right` is true."""
    if not right:
        raise UserError(f"{name.replace('_', '-')} is {value}; expected {expected}")
