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

    A terminal that can't draw it again gets a line for each tenth, and a file or a pipe nothing.

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
        is_shown = show and console.is_terminal
        self._lines = console if is_shown and console.is_dumb_terminal else None
        self._tenths = 10 * completed // max(total, 1)
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not is_shown or console.is_dumb_terminal,
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
        self._print_tenth()

    def update(self, completed: int | None = None, note: str | None = None) -> None:
        """Set how many are done, the note, or both."""
        if completed is not None:
            self._progress.update(self._task, completed=completed)
        if note is not None:
            self._progress.update(self._task, note=note)
        self._print_tenth()

    def _print_tenth(self) -> None:
        """Print a line if another tenth is done, in a terminal that can't draw the bar again."""
        task = self._progress.tasks[0]
        tenths = int(10 * task.completed / max(task.total or 1, 1))
        if self._lines and tenths > self._tenths:
            self._tenths = tenths
            done = f"{task.description}: {task.completed:.0f} of {task.total:.0f}"
            self._lines.print(" ".join(filter(None, (done, task.fields["note"]))))
