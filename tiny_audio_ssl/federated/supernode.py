"""Flower's SuperNode, with an executor that forks a process for each message.

`python -m tiny_audio_ssl.federated.supernode OPTIONS` takes the options of `flower-supernode`.
`flower-supernode` starts a Python for each message, which imports PyTorch again; here, a fork
server imports it once, when the first message arrives. Messages remain isolated: each has its own
process.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from flwr.supercore.address import resolve_bind_address
from flwr.supercore.auth import load_superexec_auth_secret
from flwr.supercore.constant import (
    SUPERNODE_UVICORN_DEFAULT_PORT,
    UVICORN_DEFAULT_HOST,
    TaskType,
)
from flwr.supercore.superexec import run_superexec as superexec
from flwr.supercore.superexec.executor import ExecutionSpec, LaunchResult, SubprocessExecutor
from flwr.supercore.tls import validate_and_resolve_root_certificates
from flwr.supernode.cli.flower_supernode import flower_supernode
from flwr.supernode.runtime.run_clientapp import run_clientapp

from tiny_audio_ssl.federated.fork_server import ForkServer, fork, run_and_exit

# Those that a message needs. PyArrow imports pandas where it is installed.
MODULES = ("tiny_audio_ssl.federated.client_app", "numpy.random", "pandas")


class ForkExecutor(SubprocessExecutor):
    """Flower's executor of task processes, but those of client apps are forked."""

    def __init__(self) -> None:
        self.server = ForkServer(run_message, MODULES)

    def launch(self, spec: ExecutionSpec) -> LaunchResult:
        """Start the process of a task."""
        if spec.task_type is not TaskType.CLIENT_APP:
            return super().launch(spec)
        try:
            self.server.start(spec)
        except (OSError, EOFError) as error:
            return LaunchResult.failed(f"no process could be forked: {error!r}")
        return LaunchResult.accepted()

    def close(self) -> None:
        """End the fork server."""
        self.server.close()


def run_message(spec: ExecutionSpec) -> None:
    """Handle a message as `flwr-clientapp` does, which ends the process."""
    run_clientapp(
        runtime_api_address=spec.runtime_api_address,
        token=spec.token,
        insecure=spec.insecure,
        certificates=validate_and_resolve_root_certificates(
            spec.root_certificates_path, spec.insecure
        ),
        parent_pid=spec.parent_pid,
        runtime_dependency_install=spec.runtime_dependency_install,
    )


def executor_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return those of the SuperNode's options that its executor needs, too."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--host", default=UVICORN_DEFAULT_HOST)
    parser.add_argument("--port", default=str(SUPERNODE_UVICORN_DEFAULT_PORT))
    parser.add_argument("--ssl-ca-certfile")
    parser.add_argument("--superexec-auth-secret-file")
    parser.add_argument("--allow-runtime-dependency-installation", action="store_true")
    return parser.parse_known_args(arguments)[0]


def execute(options: argparse.Namespace, supernode: int) -> None:
    """Ask the SuperNode for tasks, and start a process for each, until the SuperNode ends.

    supernode: its process id.
    """
    # Flower has no option for an executor of one's own.
    superexec.get_executor = lambda *_, **__: ForkExecutor()  # type: ignore[attr-defined]  # imported there, not exported
    host = f"[{options.host}]" if ":" in options.host else options.host
    superexec.run_superexec(
        runtime_api_address=resolve_bind_address(f"{host}:{options.port}"),
        insecure=options.ssl_ca_certfile is None,
        root_certificates_path=options.ssl_ca_certfile,
        superexec_auth_secret=load_superexec_auth_secret(options.superexec_auth_secret_file),
        parent_pid=supernode,
        runtime_dependency_install=options.allow_runtime_dependency_installation,
    )


def main(arguments: Sequence[str]) -> None:
    """Run a SuperNode in this process, and its executor in a fork, which shares its memory."""
    if not {"--help", "-h", "--version", "-V"} & set(arguments):
        options, supernode = executor_options(arguments), os.getpid()
        if fork() == 0:
            run_and_exit(lambda: execute(options, supernode))
    sys.argv = ["flower-supernode", *arguments, "--isolation", "process"]
    flower_supernode()


if __name__ == "__main__":
    main(sys.argv[1:])
