"""Recipes: settings of an export in a short TOML file, by name or by path.

Installed, they lie in `recipes/` beside this module; in a checkout, in the top-level `export/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import ExportConfig, TrainingExportConfig

COMMAND = "command"  # the only key that is not a setting
CONFIGS: dict[str, type[ExportConfig] | type[TrainingExportConfig]] = {
    "export": ExportConfig,
    "export-training": TrainingExportConfig,
}


@dataclass(frozen=True)
class Recipe:
    """Settings, and the command that they are for: `export` or `export-training`."""

    command: str
    config: ExportConfig | TrainingExportConfig


def folder() -> Path:
    """Return the folder of the recipes that come with the library."""
    installed = Path(__file__).with_name("recipes")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "export"


def names() -> list[str]:
    """Return the names of the recipes that come with the library."""
    return sorted(file.stem for file in folder().glob("*.toml"))


def read(recipe: str | Path) -> Recipe:
    """Read a recipe by its name, such as `smallest`, or by the path of a .toml file.

    Raises `UserError`: no such recipe, not TOML, an unknown setting or a value of another type.
    """
    file = Path(recipe)
    if file.suffix != ".toml":
        file = folder() / f"{recipe}.toml"
        if str(recipe) not in names():
            raise UserError(
                f"--recipe {recipe}: not known; expected {', '.join(names())}, or the path of a "
                ".toml file"
            )
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: can't be read ({error.strerror}); give a .toml recipe") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: not TOML ({error})") from error
    command = settings.pop(COMMAND, "export")
    if command not in CONFIGS:
        raise UserError(f"{file}: command {command!r}; expected {' or '.join(CONFIGS)}")
    return Recipe(command, _checked(settings, CONFIGS[command], file))


def _checked(settings: Mapping[str, Any], config: type[Any], file: Path) -> Any:
    """Return the config with these settings, whose names and types must be its own."""
    hints = get_type_hints(config)
    for name, value in settings.items():
        if name not in hints:
            raise UserError(f"{file}: {name} is not a setting; expected {', '.join(hints)}")
        if not _fits(value, hints[name]):
            default = next(f.default for f in fields(config) if f.name == name)
            said = "" if default in (MISSING, None) else f", such as {default!r}"
            raise UserError(f"{file}: {name} = {value!r}; expected {_name(hints[name])}{said}")
    return config(**settings)


def _fits(value: Any, expected: Any) -> bool:
    """Return whether a TOML value may stand for a field of this type."""
    if get_origin(expected) is tuple:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    kinds = get_args(expected) or (expected,)  # X | None
    if float in kinds:
        kinds = (*kinds, int)
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


def _name(expected: Any) -> str:
    if get_origin(expected) is tuple:
        return "a list of strings"
    kinds = get_args(expected) or (expected,)
    return " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
