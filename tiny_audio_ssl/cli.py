"""tiny-audio-ssl: pretrain, resume, embed, probe, finetune, search, report, datasets,
export, verify, bench, federate, inspect.

Exit codes: 0 done; 1 done, but a check failed (parity, verify); 2 something to mend in what was
given; 130 interrupted, with a checkpoint to go on from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tyro
from rich.console import Console
from rich.markup import escape

from tiny_audio_ssl.errors import UserError

if TYPE_CHECKING:
    from tiny_audio_ssl.commands import Command

DESCRIPTION = """Learn audio representations with tiny encoders from unlabelled sound.

First: `tiny-audio-ssl pretrain FOLDER --out RUN`, then `tiny-audio-ssl export RUN`.
`tiny-audio-ssl COMMAND --help` explains each command."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run one command; returns the exit code."""
    problems = Console(stderr=True, soft_wrap=True)
    as_json = "--json" in argv
    try:
        return parse(argv).run()
    except UserError as error:
        if as_json:
            print(json.dumps({"error": str(error)}))
        problems.print(f"[bold red]error:[/] {escape(str(error))}")
        return 2
    except KeyboardInterrupt:
        problems.print("interrupted")
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0


def parse(argv: list[str]) -> Command:
    """The command that the arguments name, with its settings."""
    # Imported here, since the processes that decode audio import this module but need no torch.
    from tiny_audio_ssl.commands import COMMANDS, pretrain_command

    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise UserError(f"command {argv[0]!r} is not known; choose from {', '.join(COMMANDS)}")
    commands: dict[str, Any] = dict(COMMANDS)
    if argv[:1] == ["pretrain"]:
        # The task decides which options there are, so it is read first.
        commands["pretrain"] = pretrain_command(_option(argv, "--task"))
    found: Command = tyro.extras.subcommand_cli_from_dict(
        commands, args=argv, prog="tiny-audio-ssl", description=DESCRIPTION
    )
    return found


def _option(argv: list[str], name: str) -> str | None:
    for index, argument in enumerate(argv):
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
        if argument == name and index + 1 < len(argv):
            return argv[index + 1]
    return None


if __name__ == "__main__":
    main()
