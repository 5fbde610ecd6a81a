"""Shared by the commands: consoles, a progress bar, the list of skipped files, QR codes.

Imports nothing heavy, since `--help` of every command imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from tiny_audio_ssl.utils.console import PlainConsole
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.progress import ProgressBar

if TYPE_CHECKING:
    from tiny_audio_ssl.data.corpus import Skipped

out = PlainConsole(soft_wrap=True)
err = PlainConsole(stderr=True, soft_wrap=True)


class Command:
    """One subcommand: its fields are its options, and the text below each field is its help."""

    first_word: ClassVar[str] = ""
    """Word that `with_options` chose the class by, for the usage."""

    @classmethod
    def with_options(cls, argv: Sequence[str]) -> type[Command]:
        """Return the class that parses `argv`; one argument may decide which others there are."""
        return cls

    def run(self) -> int:
        """Do the work, and return the exit code."""
        raise NotImplementedError


def report_skipped(skipped: Sequence[Skipped]) -> None:
    """List on stderr the recordings that could not be used."""
    from tiny_audio_ssl.data.corpus import listing

    if skipped:
        err.print(listing(skipped), style="yellow")


def show_qr_code(address: str) -> None:
    """Draw an address for phones to scan, where the output is a terminal."""
    if sys.stdout.isatty():
        require("segno", "serve").make(address, error="l").terminal(compact=True)


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Draw a bar on stderr; call what it yields with how many more are done."""
    with ProgressBar(description, total, transient=True, console=err) as bar:
        yield bar.advance
