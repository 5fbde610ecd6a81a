"""The folder for what can be made again: decoded audio, built-in sounds, embeddings, programs."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def default_cache_dir() -> Path:
    """Return $TINY_AUDIO_SSL_CACHE, or else the system's place for caches.

    That is `tiny-audio-ssl` in $XDG_CACHE_HOME or ~/.cache on Linux, in ~/Library/Caches on macOS.
    """
    if named := os.environ.get("TINY_AUDIO_SSL_CACHE"):
        return Path(named).expanduser()
    return user_cache_path("tiny-audio-ssl", appauthor=False)
