"""Killing other processes."""

from __future__ import annotations

import subprocess

import psutil


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and what it has started."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.kill()
    psutil.wait_procs(family[1:], timeout=30)
    process.wait()
