"""Packages that can be called: `tiny_audio_ssl.export(run)` beside `tiny_audio_ssl.export.forms`.

Importing a package sets the attribute of that name to the module, so a function of the same name
would be lost. Such a package calls `make_callable` in its `__init__.py`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


def make_callable(package: str, function: str) -> None:
    """Let calls of the module `package` go to `function`, MODULE:NAME, which is imported then."""
    module, _, name = function.partition(":")

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **options: Any) -> Any:
            return getattr(importlib.import_module(module), name)(*args, **options)

    sys.modules[package].__class__ = CallablePackage
