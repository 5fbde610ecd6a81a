"""`--recipe`, which the commands that export share: settings from a file are their defaults."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import field, make_dataclass
from typing import Annotated, Any

import tyro

from tiny_audio_ssl.commands.base import Command
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import recipe


def with_recipe(
    argv: Sequence[str],
    commands: Mapping[str, type[Command]],
    implied: Mapping[str, str] | None = None,
) -> type[Command] | None:
    """Return the one of `commands` that the recipe in `argv` is for, its settings as defaults.

    `implied`: options that have a recipe where none is named. None without a recipe.

    Raises `UserError`: no such recipe, or one for another command.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    implied = implied or {}
    for option in ("--recipe", *implied):
        parser.add_argument(option)
    given = vars(parser.parse_known_args(argv)[0])
    named = [recipe for option, recipe in implied.items() if given[option.strip("-")]]
    name = given["recipe"] or next(iter(named), None)
    if name is None:
        return None
    found = recipe.read(name)
    if found.command not in commands:
        raise UserError(
            f"--recipe {name} is for another command: tiny-audio-ssl {found.command} RUN "
            f"--recipe {name}"
        )
    kind = commands[found.command]
    config: Any = Annotated[type(found.config), tyro.conf.OmitArgPrefixes]  # type: ignore[valid-type]
    fields: list[Any] = [("config", config, field(default=found.config))]
    made = make_dataclass(kind.__name__, fields, bases=(kind,))
    made.__doc__ = kind.__doc__
    return made
