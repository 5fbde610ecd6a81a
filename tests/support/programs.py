"""The program in a process of its own, to be killed or interrupted, without the time of a start.

The processes are forked from one that has imported what training needs, and nothing has run in.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest


def start_program(
    *arguments: str, stderr: Path | None = None, dies_at: tuple[str, int] | None = None
) -> ForkServerProcess:
    """Start `tiny-audio-ssl` with these arguments, on one thread.

    Args:
        stderr: file for what it writes there; nowhere if None.
        dies_at: name of a function in `os` that `utils/files.py` uses, and at which of its calls
            the process kills itself.
    """
    process = _context().Process(target=_main, args=(arguments, stderr, dies_at))
    process.start()
    return process


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.preloaded"])
    with pytest.MonkeyPatch.context() as patch:  # the server searches no other path
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return context


def _main(arguments: tuple[str, ...], stderr: Path | None, dies_at: tuple[str, int] | None) -> None:
    import torch

    from tiny_audio_ssl import cli
    from tiny_audio_ssl.utils import files

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    target = os.open(stderr or os.devnull, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(target, 2)
    sys.stderr = sys.__stderr__
    if dies_at:
        _kill_at(files.os, *dies_at)
    sys.exit(cli.run(list(arguments)))


def _kill_at(module, function: str, call: int) -> None:
    calls, real = [], getattr(module, function)

    def deadly(*arguments, **options):
        calls.append(arguments)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(module, function, deadly)
