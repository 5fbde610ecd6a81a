"""What the commands share: the exit code, two consoles, a progress bar, the skipped list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from tiny_audio_ssl.data.corpus import Skipped, listing

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


class Command:
    """One subcommand: its fields are its options, the text below them their help."""

    def run(self) -> int:
        """Do it; returns the exit code."""
        raise NotImplementedError


def report_skipped(skipped: Sequence[Skipped]) -> None:
    """On stderr, the recordings that could not be used."""
    if skipped:
        err.print(listing(skipped), style="yellow", markup=False)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; call what it yields with how many more are done."""
    columns = [*Progress.get_default_columns(), MofNCompleteColumn()]
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
