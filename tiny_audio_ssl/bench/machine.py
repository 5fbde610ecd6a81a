"""Names of this machine and its system, as rows of results record them."""

from __future__ import annotations

import platform
from pathlib import Path


def device_name() -> str:
    """Return the CPU's model, as Linux or the platform names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()  # psutil does not know it
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def system_name() -> str:
    """Return system, processor and Python version: `Linux x86_64, Python 3.11`."""
    major, minor, _ = platform.python_version_tuple()
    return f"{platform.system()} {platform.machine()}, Python {major}.{minor}"
