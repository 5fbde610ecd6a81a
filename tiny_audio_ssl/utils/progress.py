"""The progress bar of every command, on stderr."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tiny_audio_ssl.utils.console import PlainConsole


class ProgressBar:
    """`description`, a bar, how many of `total` are done, a note, time elapsed and time left.

    Args:
        total: how many there are to do.
        completed: how many are done at the start.
        note: text beside the bar, which `update` changes.
        show: whether to draw anything.
        transient: whether the bar vanishes at the end.
        console: where to draw; a console on stderr if None.
    """

    def __init__(
        self,
        description: str,
        total: int,
        *,
        completed: int = 0,
        note: str = "",
        show: bool = True,
        transient: bool = False,
        console: Console | None = None,
    ) -> None:
        console = console or PlainConsole(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not show or (transient and not console.is_terminal),  # or an empty line is left
            transient=transient,
        )
        self._task = self._progress.add_task(
            description, total=total, completed=completed, note=note
        )

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advance(self, count: int = 1) -> None:
        """Count `count` more as done."""
        self._progress.advance(self._task, count)

    def update(self, completed: int | None = None, note: str | None = None) -> None:
        """Set how many are done, the note, or both."""
        if completed is not None:
            self._progress.update(self._task, completed=completed)
        if note is not None:
            self._progress.update(self._task, note=note)
