"""The cache folder: decoded audio, built-in sounds, embeddings and compiled programs."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def default_cache_dir() -> Path:
    """Return $TINY_AUDIO_SSL_CACHE, or else the folder that the system has for caches.

    That is `tiny-audio-ssl` in $XDG_CACHE_HOME or ~/.cache on Linux, in ~/Library/Caches on macOS.
    """
    if named := os.environ.get("TINY_AUDIO_SSL_CACHE"):
        return Path(named).expanduser()
    return user_cache_path("tiny-audio-ssl", appauthor=False)
