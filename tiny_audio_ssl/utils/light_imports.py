"""Imports of large packages without those parts of them that take seconds and are not used here."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any


@contextlib.contextmanager
def absent(module: str, *importers: str) -> Iterator[None]:
    """Let imports of `module` fail in the block, unless it has been imported already.

    Other threads can import it all the same. With `importers`, only imports by modules of these
    packages fail, and by compiled code that they call.
    """
    if module in sys.modules:
        yield
        return
    hidden = _Hidden(module, importers)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)


class _Hidden(MetaPathFinder, Loader):
    """Find one module in the thread that asked for it to be hidden, and refuse to import it.

    None in `sys.modules` would do for Python code, but Cython takes it for the module.
    """

    def __init__(self, module: str, importers: tuple[str, ...]) -> None:
        self.module, self.importers = module, importers
        self.thread = threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.module or threading.get_ident() != self.thread:
            return None
        if self.importers and _importer().partition(".")[0] not in self.importers:
            return None
        return ModuleSpec(name, self)

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"No module named {self.module!r}", name=self.module)


def _importer() -> str:
    """Return the name of the module that runs the import statement, or that calls compiled code
    with one."""
    frame: FrameType | None = sys._getframe(2)
    while frame and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame else ""


@contextlib.contextmanager
def not_run(package: str) -> Iterator[None]:
    """Let modules of `package` be imported in the block without running its `__init__`.

    Afterwards the package and these modules count as not imported, so that the next import of the
    package runs it as usual. Does nothing if the package has been imported already, or is not
    installed. Another thread that imports the package during the block finds it empty.
    """
    spec = None if package in sys.modules else _spec(package)
    if spec is None:
        yield
        return
    sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]


def _spec(package: str) -> ModuleSpec | None:
    with contextlib.suppress(ModuleNotFoundError):  # of the package that it is in
        return importlib.util.find_spec(package)
    return None
