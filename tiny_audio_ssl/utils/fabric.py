"""Lightning Fabric, imported in a third of its usual time."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def fabric_class() -> type[Fabric]:
    """Return `lightning_fabric.Fabric`, imported now if it was not before.

    Where torchmetrics is installed, Fabric imports it to look up its version, and with it SciPy and
    transformers: 3 of the 5 seconds that the import takes. Nothing that we use needs it.
    """
    with _hidden("torchmetrics"):
        from lightning_fabric import Fabric
    return Fabric


@contextlib.contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Let `module` be absent for imports in the block, unless it has been imported already.

    Does nothing beside other threads, which might import it.
    """
    if module in sys.modules or threading.active_count() > 1:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # makes `import` raise ImportError
    try:
        yield
    finally:
        del sys.modules[module]
