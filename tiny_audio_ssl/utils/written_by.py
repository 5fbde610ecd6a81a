"""One message for files that another version of tiny-audio-ssl wrote, and this one can't read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiny_audio_ssl.version import __version__


def unreadable(file: str | Path, found: str, reads: str, content: object = None) -> str:
    """Return the message: which file, who wrote it, what this version reads, what to do.

    Args:
        file: the file or folder.
        found: what can't be read, such as "format 7".
        reads: what this version reads instead, such as "formats 1 and 2".
        content: what the file holds, which may say who wrote it under `versions`.
    """
    writer = _writer(content)
    by = f"tiny-audio-ssl {writer}" if writer else "another version of tiny-audio-ssl"
    install = f"tiny-audio-ssl=={writer}" if writer and writer != __version__ else "that version"
    return (
        f"{file}: {found}, written by {by}; this is version {__version__}, which reads {reads}. "
        f"Install {install}, or make the file again with this version"
    )


def _writer(content: object) -> str | None:
    versions = content.get("versions") if isinstance(content, Mapping) else None
    found: Any = versions.get("tiny-audio-ssl") if isinstance(versions, Mapping) else None
    return found if isinstance(found, str) else None
