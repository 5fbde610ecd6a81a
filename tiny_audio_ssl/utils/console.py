"""A terminal that shows text as it is: names and labels are never markup or control codes."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tiny_audio_ssl.utils.text import visible

UNLIMITED = 10_000  # characters in a line
# Also where its two parts are on two lines of a frame.
EMPTY_DEFAULT = re.compile(r"\(default:((?:\x1b\[[0-9;]*m|[\s│])*)\)")


def takes_styles(*streams: TextIO) -> bool:
    """Return whether all streams are terminals and the variable `NO_COLOR` is not set."""
    return not os.environ.get("NO_COLOR") and all(stream.isatty() for stream in streams)


class PlainConsole(Console):
    """A console whose strings, those in tables included, are plain text; use `Text` for styles.

    With the environment variable `NO_COLOR`, it writes no terminal codes at all. In a file or a
    pipe, tables are as wide as they need to be, unless the width is given, also by `COLUMNS`.
    """

    def __init__(self, **options: Any) -> None:
        self._is_without_codes = bool(os.environ.get("NO_COLOR"))
        if self._is_without_codes:
            options["color_system"] = None
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        columns, lines = shutil.get_terminal_size()
        if not (self.is_terminal or "width" in options or "COLUMNS" in os.environ):
            columns = UNLIMITED
        if not self.is_terminal or self.is_dumb_terminal:  # for which rich assumes 80 columns
            self.size = options.get("width", columns), lines

    @property
    def is_dumb_terminal(self) -> bool:
        """Return whether what is on the screen can't be drawn again."""
        return self._is_without_codes or super().is_dumb_terminal

    def render_str(self, text: str, **options: Any) -> Text:
        """Return `text`, with terminal codes and what the terminal can't show escaped."""
        return super().render_str(visible(text, self.encoding), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, and in a narrow terminal fold long words of tables instead of cutting them off."""
        for shown in objects:
            if isinstance(shown, Table):
                unlimited = self.options.update(max_width=UNLIMITED)
                is_too_wide = Measurement.get(self, unlimited, shown).minimum > self.width
                for column in shown.columns:
                    column.overflow = "fold"
                    column.no_wrap = column.no_wrap and not is_too_wide
        super().print(*objects, **options)

    def status(self, status: Any, **options: Any) -> Status:
        """Show a spinner beside `status`, plain text, until the `with` block ends."""
        return _PlainStatus(_plain(status), console=self, **options)

    def print_error(self, message: str) -> None:
        """Print `error:` in red, and the message."""
        shown = visible(message, self.encoding)
        self.print(Text.assemble(("error:", "bold red"), " ", shown))


class _PlainStatus(Status):
    def update(self, status: Any = None, **options: Any) -> None:
        super().update(_plain(status), **options)


def _plain(text: Any) -> Any:
    """Return a string as `Text`, since rich takes a spinner's string for markup."""
    return Text(visible(text)) if isinstance(text, str) else text


@contextlib.contextmanager
def help_tidied() -> Iterator[None]:
    """Print the help texts of tyro without the empty defaults `(default: )`.

    On a terminal, long lines of prose break between words, where it would break them anywhere.
    """
    held = _Held(sys.stdout)
    try:
        with contextlib.redirect_stdout(held):
            yield
    finally:
        # In their place are spaces, since a frame is drawn around the lines.
        shown = EMPTY_DEFAULT.sub(lambda found: f"{' ' * 9}{found[1]} ", held.getvalue())
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED
        for line in shown.splitlines():
            is_prose = len(line) > width and "\x1b" not in line
            print(textwrap.fill(line, width, break_on_hyphens=False) if is_prose else line)


class _Held(io.StringIO):
    """Text for a stream, held back."""

    encoding = ""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.encoding = stream.encoding
        self._is_terminal = stream.isatty()

    def isatty(self) -> bool:
        return self._is_terminal
