"""A process that imports modules once and forks a child for each job.

A job in a fresh Python imports PyTorch anew, which takes longer than a short job itself. A fork
starts with the modules of its parent, and shares their memory. Whatever a job does, the next one
starts from the same state.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Generic, NoReturn, TypeVar

import numpy as np
from flwr.supercore.exit import exit_handler

IDLE_S = 600.0
Job = TypeVar("Job")


class ForkServer(Generic[Job]):
    """A fork server, as the process that gives it jobs sees it.

    Args:
        run: function that a child calls with its job, which can be pickled.
        modules: names of the modules to import before the first child is forked.
        idle_s: seconds without a job after which the server ends, to give its memory back.

    It is forked itself, when the first job comes, so its parent must not run threads that hold
    locks: they would stay locked.
    """

    def __init__(
        self, run: Callable[[Job], object], modules: Sequence[str], idle_s: float = IDLE_S
    ) -> None:
        self.run, self.modules, self.idle_s = run, modules, idle_s
        self.pid = 0
        self._pipe: Connection | None = None

    def start(self, job: Job) -> int:
        """Run a job in a new child, and return the child's id without waiting for its end.

        Raises `OSError` or `EOFError` if no process can be started.
        """
        if self._pipe:
            with contextlib.suppress(EOFError, OSError):  # it has been idle, or was killed
                return self._ask(job)
        self.close()
        self._fork()
        return self._ask(job)

    def close(self) -> None:
        """End the server; its children finish their jobs."""
        if self._pipe:
            self._pipe.close()
            os.waitpid(self.pid, 0)
            self._pipe = None

    def _fork(self) -> None:
        ours, jobs = Pipe()
        pid = fork()
        if pid == 0:
            ours.close()
            run_and_exit(lambda: self._serve(jobs))
        jobs.close()
        self._pipe, self.pid = ours, pid

    def _ask(self, job: Job) -> int:
        assert self._pipe
        self._pipe.send(job)
        return int(self._pipe.recv())

    def _serve(self, jobs: Connection) -> None:
        for name in self.modules:
            with contextlib.suppress(Exception):  # the job that needs it will report the error
                importlib.import_module(name)
        children: set[int] = set()
        while jobs.poll(self.idle_s) or children:
            children -= set(_ended(children))
            if not jobs.poll():
                continue
            try:
                job = jobs.recv()
            except EOFError:
                return
            child = fork()
            if child == 0:
                jobs.close()
                run_and_exit(functools.partial(self.run, job))
            children.add(child)
            jobs.send(child)


def _ended(children: set[int]) -> list[int]:
    return [child for child in children if os.waitpid(child, os.WNOHANG)[0]]


def fork() -> int:
    """Fork this process, as `os.fork` does, so that the child keeps sharing its memory.

    A garbage collection in the child would write to all objects that the parent has made, and so
    copy their pages; both let them be.
    """
    gc.collect()
    gc.freeze()
    return os.fork()


def run_and_exit(task: Callable[[], object]) -> NoReturn:
    """Run a task in a process that was just forked, and end the process with it.

    What the parent has registered for its own end is forgotten, and the child's random numbers are
    its own, as in a fresh Python.
    """
    status: object = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        exit_handler.registered_exit_handlers.clear()
        np.random.seed()
        task()
        status = 0
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else int(status is not None))
