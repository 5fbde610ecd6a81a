"""The command line, `tiny-audio-ssl COMMAND`. `commands/registry.py` lists the commands.

Exit codes: 0 done; 1 done, but a check failed (parity, verify); 2 wrong arguments or files, as the
message says; 130 interrupted, with a checkpoint to resume from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import tyro

from tiny_audio_ssl.commands.registry import COMMANDS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.console import PlainConsole, help_tidied, takes_styles
from tiny_audio_ssl.utils.files import FULL_OR_READ_ONLY
from tiny_audio_ssl.utils.light_imports import absent
from tiny_audio_ssl.utils.quiet import as_program
from tiny_audio_ssl.version import __version__

if TYPE_CHECKING:
    from tiny_audio_ssl.commands.base import Command

PROGRAM = "tiny-audio-ssl"
DESCRIPTION = """Learn audio representations with tiny encoders from unlabeled sound.

First: `tiny-audio-ssl pretrain FOLDER --out RUN`, then `tiny-audio-ssl export RUN`.
`tiny-audio-ssl COMMAND --help` explains each command."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    # These import pandas where it is installed, to recognize its tables, which nobody gives them.
    with absent("pandas", "pyarrow", "sklearn", __package__):
        sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run one command, and return the exit code."""
    if argv == ["--version"]:
        print(f"{PROGRAM} {__version__}")
        return 0
    problems = PlainConsole(stderr=True, soft_wrap=True)
    as_json = "--json" in argv
    try:
        with as_program():
            return parse(argv).run()
    except UserError as error:
        if as_json:
            print(json.dumps({"error": str(error)}))
        problems.print_error(str(error))
        return 2
    except KeyboardInterrupt:
        problems.print("interrupted")
        return 130
    except BrokenPipeError:  # the reader of a pipe has closed it
        sys.stderr.close()
        return 0
    except OSError as error:  # of standard output, or of a temporary folder; writers explain theirs
        if error.errno not in FULL_OR_READ_ONLY:
            raise
        place = error.filename or "standard output"
        problems.print_error(f"{place}: {error.strerror}")
        return 2


def parse(argv: list[str]) -> Command:
    """Return the command that the arguments name, with its settings. Imports no other command.

    Raises `UserError` when there is no such command, and ends the process as tyro does after
    `--help` and after options that do not fit.
    """
    name, options = (argv[0], argv[1:]) if argv else ("--help", [])
    tyro._experimental_options["ansi_codes"] = takes_styles(sys.stdout, sys.stderr)
    if name.startswith("-"):
        with help_tidied():
            tyro.extras.subcommand_cli_from_dict(
                {command: _stub(entry.summary) for command, entry in COMMANDS.items()},
                args=argv or ["--help"],
                prog=PROGRAM,
                description=DESCRIPTION,
            )
    if name not in COMMANDS:
        raise UserError(f"command {name!r} is not known; choose from {', '.join(COMMANDS)}")
    kind = COMMANDS[name].load().with_options(options)
    program = f"{PROGRAM} {name} {kind.first_word}".rstrip()
    with help_tidied():
        return tyro.cli(kind, args=options, prog=program)


def _stub(summary: str) -> Callable[[], None]:
    """Return a function that stands for a command in the list of them."""

    def command() -> None: ...

    command.__doc__ = summary
    return command


if __name__ == "__main__":
    main()
