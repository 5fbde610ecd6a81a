"""`python hanging_supernode.py HANG OPTIONS`: a SuperNode that stops when it is to handle a message
while the file HANG exists, as if the machine had been suspended."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from flwr.supercore.superexec.executor import ExecutionSpec

from tiny_audio_ssl.federated import supernode

HANG, PID = Path(sys.argv[1]), os.getpid()
run_message = supernode.run_message


def hang_or_run(spec: ExecutionSpec) -> None:
    if HANG.exists():
        os.kill(PID, signal.SIGSTOP)  # messages are handled in a fork
    run_message(spec)


supernode.run_message = hang_or_run
supernode.main(sys.argv[2:])
