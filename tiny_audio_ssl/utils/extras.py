"""Optional packages: imported where they are used, with an error that says what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from tiny_audio_ssl.errors import UserError


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module. Raises `UserError` that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"{module} can't be imported ({error}); install it with "
            f'pip install "tiny-audio-ssl[{extra}]"'
        ) from error
