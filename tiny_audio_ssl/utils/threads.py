"""Numbers of threads, which belong to the whole process: set for a while, then restored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let PyTorch use `threads` threads within the block; then restore the number."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compute_in_forked_processes() -> None:
    """Let processes that are forked from this one compute with one thread.

    Of OpenMP's threads a fork copies only the one that forks, and the first parallel loop would
    wait for the others forever.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
