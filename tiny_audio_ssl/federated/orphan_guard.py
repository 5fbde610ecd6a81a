"""Ends Flower's processes when whoever started them is gone, however that ended.

`python -m tiny_audio_ssl.federated.orphan_guard HOME` waits until its standard input closes, which
the system does even for a parent killed with SIGKILL. Then every process whose environment says
FLWR_HOME=HOME is killed (Flower and Ray start some in sessions of their own), and HOME removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path


def marked(home: str) -> list[int]:
    """Ids of the processes that belong to `home`. Linux only: it reads /proc."""
    mark = f"FLWR_HOME={home}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is another user's
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def end_all(home: str, seconds: float = 10) -> None:
    """Kill until none is left; a process may have been starting another one."""
    deadline = time.monotonic() + seconds
    while (found := marked(home)) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_all(sys.argv[1])
    shutil.rmtree(sys.argv[1], ignore_errors=True)
