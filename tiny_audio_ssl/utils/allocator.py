"""Memory that stays with the process when it is freed, so that a training step does not fetch it
from the system again.

A step allocates the same large tensors over and over. By default, glibc gives each back to the
system and is given fresh pages, which the kernel has to clear: a fifth of the time of a step.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_KEPT = 32 * 2**20  # bytes of one tensor; the most that glibc allows
KEPT = 2**31 - 1  # bytes at the end of the heap


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed, in the whole process; return False where there is no glibc.

    For programs, not for libraries: it changes how much memory the process holds.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, KEPT))
