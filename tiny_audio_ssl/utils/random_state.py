"""PyTorch's random state, which belongs to the whole process: seeded for a while, then restored."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.RLock()  # two threads that draw at once would get each other's numbers


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's generators for the block, which other such blocks wait for; then restore them.

    Restores those of the CPU and of the current CUDA device.
    """
    on_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = [torch.cuda.current_device()] if on_cuda else []
    with _lock, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _renew_lock() -> None:
    """Make a new lock in a forked process: no thread is left there that could release the old."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)
