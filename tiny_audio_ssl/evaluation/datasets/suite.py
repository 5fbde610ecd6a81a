"""A suite: several tasks in one TOML file, so that models are compared on the same ones."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import dataset_named
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask

KEYS = {field.name: field for field in fields(EvaluationTask)}
TEXT = ("name", "source", "dataset", "label", "fold", "split", "group")
WHOLE = ("folds", "seed")


def read_suite(path: str | Path, root: str | Path | None = None) -> list[EvaluationTask]:
    """Read the tasks of a TOML file: a `[[task]]` table each, with the fields of `EvaluationTask`.

    Args:
        root: the folder that each `source` is relative to; the TOML's own if None.

    Raises:
        UserError: no such file; not TOML; an unknown, absent or mistyped key; two tasks of one
            name; a source that is not there.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); give a .toml suite") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML ({error})") from error
    tables = content.get("task")
    if list(content) != ["task"] or not isinstance(tables, list) or not tables:
        found = ", ".join(content) or "nothing"
        raise UserError(f"{path}: expected [[task]] tables, and nothing beside; found {found}")
    tasks: list[EvaluationTask] = []
    for number, table in enumerate(tables, start=1):
        where = f"{path}, task {number}"
        task = _task(where, table, path.parent if root is None else Path(root))
        if any(task.name == other.name for other in tasks):
            raise UserError(f"{where}: a task before it is called {task.name!r}, too; rename one")
        tasks.append(task)
    return tasks


def _task(where: str, table: Any, root: Path) -> EvaluationTask:
    if not isinstance(table, dict):
        raise UserError(f"{where}: expected a table, [[task]]")
    _check_keys(where, table)
    for key, value in table.items():
        _check_type(where, key, value)
    values = {**table, "where": tuple(table.get("where", ()))}
    dataset = values.get("dataset")
    source = values["source"]
    if source.partition(":")[0] != "builtin" or dataset is not None:
        place = root / Path(source).expanduser()
        if dataset is not None:
            dataset_named(dataset)  # what its folder lacks is explained when it is read
        elif not place.exists():
            raise UserError(
                f"{where} ({values['name']}): {place} is not there; sources are relative to {root}"
            )
        values["source"] = str(place)
    return EvaluationTask(**values)


def _check_keys(where: str, table: dict[str, Any]) -> None:
    if unknown := [key for key in table if key not in KEYS]:
        raise UserError(
            f"{where}: unknown key {', '.join(unknown)}; the keys are {', '.join(KEYS)}"
        )
    needed = [key for key, field in KEYS.items() if field.default is MISSING]
    if absent := [key for key in needed if key not in table]:
        raise UserError(f"{where}: {' and '.join(absent)} must be given")


def _check_type(where: str, key: str, value: Any) -> None:
    if key in TEXT:
        right, expected = isinstance(value, str) and value != "", "a text"
    elif key in WHOLE:
        right, expected = type(value) is int, "a whole number"  # not bool, which is an int
    else:
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        expected = 'a list of texts, e.g. ["esc10=TRUE"]'
    if not right:
        raise UserError(f"{where}: {key} is {value!r}, expected {expected}")
