"""Read rows from JSON: what a page measured in a browser, or what `bench --json` printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tiny_audio_ssl.bench.rows import PhoneColumns, Row, WebColumns
from tiny_audio_ssl.errors import UserError

SUFFIX = ".json"
_NESTED: Mapping[str, type[Any]] = {"phone": PhoneColumns, "web": WebColumns}


def read_json(path: Path) -> list[Row]:
    """Read the rows of a file.

    Raises `UserError`: no such file, no rows in it, or rows of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error})") from error
    if not isinstance(content, list) or not content:
        raise UserError(
            f"{path}: no rows in it; expected a result that a page saved, or what "
            "`tiny-audio-ssl bench --json` printed"
        )
    return [_made(Row, row, f"{path}: row {number}") for number, row in enumerate(content, start=1)]


def _made(kind: type[Any], given: Any, where: str) -> Any:
    if not isinstance(given, dict):
        raise UserError(f"{where}: {given!r}; expected an object")
    hints = get_type_hints(kind)
    return kind(**{one.name: _value(one, hints[one.name], given, where) for one in fields(kind)})


def _value(field: Field[Any], hint: Any, given: Mapping[str, Any], where: str) -> Any:
    if field.name not in given:
        if field.default is MISSING:
            raise UserError(f"{where}: no {field.name}; measure again with this version")
        return field.default
    value = given[field.name]
    if field.name in _NESTED and value is not None:
        return _made(_NESTED[field.name], value, f"{where}, {field.name}")
    if isinstance(value, list):
        value = tuple(value)
    kinds = tuple(getattr(one, "__origin__", one) for one in get_args(hint) or (hint,))
    if getattr(hint, "__origin__", None) is tuple:
        kinds = (tuple,)
    fits = isinstance(value, (*kinds, int) if float in kinds else kinds)
    if not fits or (isinstance(value, bool) and bool not in kinds):
        raise UserError(f"{where}: {field.name} is {value!r}; measure again with this version")
    return value
