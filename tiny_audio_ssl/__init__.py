"""Learn audio representations with tiny encoders from unlabelled sound, and run them on phones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.version import __version__

if TYPE_CHECKING:
    from tiny_audio_ssl.embedding.embedder import load

__all__ = ["UserError", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # Lazy: a cache worker or `--help` must not pay for importing torch.
    if name == "load":
        from tiny_audio_ssl.embedding.embedder import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
