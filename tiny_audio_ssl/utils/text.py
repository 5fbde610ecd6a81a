"""Show users' text as it is: never as markup, as terminal codes or as a formula."""

from __future__ import annotations

import re

# Control characters but line feed and tab, separators of lines, marks of direction, surrogates.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str, encoding: str = "utf-8") -> str:
    """Return `text` with backslash escapes for terminal codes and what `encoding` can't write."""
    shown = _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def one_line(text: object) -> str:
    """Return `visible` text without line breaks, for a line of a list or of a log."""
    return visible(str(text)).replace("\n", "\\n")


def inert_cell(text: str) -> str:
    """Return the text of a CSV cell that spreadsheets would take for a formula with a `'`."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def inert_path(path: str) -> str:
    """Return the path with `./`, the same file, where a spreadsheet would see a formula."""
    return f"./{path}" if path.startswith(_FORMULA) else path


def markdown(text: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>&|$~#])", r"\\\1", one_line(text))


def size_in_words(size_bytes: int) -> str:
    """Return a size in kB, or from a million bytes on in MB."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1_000_000 else f"{size_bytes / 1e3:.0f} kB"
