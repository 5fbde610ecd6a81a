"""A terminal that shows text as it is: names and labels are never markup or control codes."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tiny_audio_ssl.utils.text import visible


class PlainConsole(Console):
    """A console whose strings, those in tables included, are plain text; use `Text` for styles."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return `text`, with terminal codes and what the terminal can't show escaped."""
        return super().render_str(visible(text, self.encoding), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, and in a narrow terminal fold long words of tables instead of cutting them off."""
        for shown in objects:
            if isinstance(shown, Table):
                unlimited = self.options.update(max_width=10_000)
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
