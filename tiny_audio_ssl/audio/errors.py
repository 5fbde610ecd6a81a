"""The exception for a file that can't be used, and the words for other exceptions."""

from __future__ import annotations

import os
from pathlib import Path

from tiny_audio_ssl.errors import UserError


class AudioError(UserError):
    """A file that can't be used: its `path`, and the `reason` in a few words, for tables."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def in_words(error: Exception) -> str:
    """Return in a few words what a decoder, the system or Python says of a file."""
    if isinstance(error, FileNotFoundError):
        return "not found"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    if isinstance(error, MemoryError):
        return "not enough memory"
    words = getattr(error, "error_string", None)  # of a soundfile.LibsndfileError
    if words is None:
        return " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(":")
    words = str(words).strip().rstrip(".").removeprefix("Error : ")
    if words.startswith(("File does not exist", "Format not recognised")):  # what mpg123 calls it
        return "not audio in a known format"
    return words[:1].lower() + words[1:]
