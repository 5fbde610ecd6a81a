"""End Flower's processes once the process that started them has ended, for whatever reason.

`python -m tiny_audio_ssl.federated.orphan_guard HOME` waits until its standard input closes, which
the system does even for a parent killed with SIGKILL. Then it kills every process whose environment
says FLWR_HOME=HOME (some have sessions of their own), and removes HOME.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time

import psutil


def processes_of(home: str) -> list[psutil.Process]:
    """Return the running processes whose FLWR_HOME is `home`."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("FLWR_HOME") == home
    ]


def kill_all(home: str, timeout_s: float = 10) -> None:
    """Kill until no process is left, because one of them may have been starting another."""
    deadline = time.monotonic() + timeout_s
    while (found := processes_of(home)) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    kill_all(sys.argv[1])
    shutil.rmtree(sys.argv[1], ignore_errors=True)
