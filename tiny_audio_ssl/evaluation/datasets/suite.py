"""Choose tasks: one from a manifest or dataset, or a suite of several in a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypedDict, Unpack

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import dataset_named
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask

KEYS = {field.name: field for field in fields(EvaluationTask)}
STRINGS = ("name", "source", "dataset", "label", "fold", "split", "group")
INTEGERS = ("folds", "seed")


class TaskColumns(TypedDict, total=False):
    """Options of one task; see `EvaluationTask`."""

    label: str
    fold: str | None
    split: str | None
    group: str | None
    where: tuple[str, ...]
    folds: int
    seed: int


def select_tasks(
    data: str | Path | None = None,
    *,
    dataset: str | None = None,
    suite: str | Path | None = None,
    root: str | Path | None = None,
    **columns: Unpack[TaskColumns],
) -> list[EvaluationTask]:
    """Return the tasks of a suite, or the one task of a manifest or dataset.

    Args:
        data: CSV manifest with the labels, or `builtin`; with `dataset`, the folder that holds it.
        dataset: name in DATASETS.
        suite: TOML file, in place of `data`; `root` is the folder its sources are relative to.
        columns: label, fold, split, group, where, folds and seed of the one task.

    Raises:
        UserError: both or neither of `data` and `suite`; a suite that can't be read.
    """
    if (suite is None) == (data is None):
        raise UserError("expected either --data LABELS.csv or --suite TASKS.toml")
    if suite is not None:
        return read_suite(suite, root)
    name = dataset or f"{columns.get('label', EvaluationTask.label)} in {Path(str(data)).name}"
    return [EvaluationTask(name, str(data), dataset, **columns)]


def read_suite(path: str | Path, root: str | Path | None = None) -> list[EvaluationTask]:
    """Read the tasks of a TOML file: one `[[task]]` table each, with the keys of `EvaluationTask`.

    Args:
        root: folder that each `source` is relative to; the folder of the TOML file if None.

    Raises:
        UserError: the file is missing or not TOML, a key is unknown, missing or of the wrong type,
            two tasks have one name, or a source does not exist.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); give a .toml file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML ({error})") from error
    tables = content.get("task")
    if list(content) != ["task"] or not isinstance(tables, list) or not tables:
        found = ", ".join(content) or "nothing"
        raise UserError(f"{path}: expected [[task]] tables and nothing else; found {found}")
    tasks: list[EvaluationTask] = []
    for number, table in enumerate(tables, start=1):
        where = f"{path}, task {number}"
        task = _task(where, table, path.parent if root is None else Path(root))
        if any(task.name == other.name for other in tasks):
            raise UserError(f"{where}: an earlier task is also named {task.name!r}; rename one")
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
            dataset_named(dataset)  # a missing folder is explained when it is read
        elif not place.exists():
            raise UserError(
                f"{where} ({values['name']}): {place} does not exist; sources are relative to "
                f"{root}"
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
        raise UserError(f"{where}: missing key {' and '.join(absent)}")


def _check_type(where: str, key: str, value: Any) -> None:
    if key in STRINGS:
        right, expected = isinstance(value, str) and value != "", "a non-empty string"
    elif key in INTEGERS:
        right, expected = type(value) is int, "an integer"  # bool is a subclass of int
    else:
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        expected = 'a list of strings, e.g. ["esc10=TRUE"]'
    if not right:
        raise UserError(f"{where}: {key} is {value!r}, expected {expected}")
