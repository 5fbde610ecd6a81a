"""Flower's processes on this machine, in a Flower home of their own; all end together."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.app_project import write_app
from tiny_audio_ssl.federated.config import FederatedConfig

CONNECTION = "own"  # the SuperLink's name in the home's config.toml
HOST = "127.0.0.1"
START_S = 60


def program(name: str) -> str:
    """Return the path of one of Flower's programs: beside this Python, or else on PATH.

    Raises `UserError` when it is in neither place.
    """
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        raise UserError(
            f"{name} is neither in {sysconfig.get_path('scripts')} nor on PATH; install it with "
            'pip install "tiny-audio-ssl[federated]"'
        )
    return found


@dataclass(frozen=True)
class FlowerHome:
    """A folder as FLWR_HOME of some processes: Flower's settings, its database, and logs."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables for processes that install nothing at run time and send no telemetry."""
        scripts = sysconfig.get_path("scripts")  # Flower's programs start each other by name
        return {
            **os.environ,
            "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
            "FLWR_HOME": str(self.folder),
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_TELEMETRY_ENABLED": "0",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "NO_COLOR": "1",
        }

    def start(self, command: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, so that Ctrl-C reaches only this process."""
        name, *arguments = map(str, command)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            return subprocess.Popen(
                [program(name), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, and capture its output."""
        name, *arguments = command
        return subprocess.run(
            [program(name), *arguments], env=self.environment, capture_output=True, text=True
        )

    def connect(self, port: int, authority: Path | None = None) -> None:
        """Configure the address of the SuperLink for `flwr`; without an authority's certificate,
        without TLS."""
        security = {"root-certificates": str(authority)} if authority else {"insecure": True}
        superlink = {"address": f"{HOST}:{port}", **security}
        settings = {"superlink": {"default": CONNECTION, CONNECTION: superlink}}
        (self.folder / "config.toml").write_text(tomli_w.dumps(settings))

    def run_app(self, config: FederatedConfig, log: Path) -> subprocess.Popen[bytes]:
        """Start `flwr run`, which ends when the run has ended."""
        app = write_app(self.folder / "app")
        command: list[str | Path] = ["flwr", "run", app, CONNECTION, "--stream"]
        return self.start([*command, "--run-config", self.write_settings(config)], log)

    def write_settings(self, config: FederatedConfig) -> Path:
        """Write the run config to a file in the home, and return its path."""
        settings = self.folder / "run.toml"
        settings.write_text(tomli_w.dumps(config.run_config()))
        return settings


@contextlib.contextmanager
def flower_home() -> Iterator[FlowerHome]:
    """Make a home, and a guard that ends its processes and removes it even if this process is
    killed."""
    folder = tempfile.mkdtemp(prefix="flwr-", dir="/tmp")
    guard = subprocess.Popen(
        [sys.executable, "-m", "tiny_audio_ssl.federated.orphan_guard", folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield FlowerHome(Path(folder))
    finally:
        assert guard.stdin
        guard.stdin.close()
        guard.wait()


def free_port() -> int:
    """Return a port on which nothing listens at the moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process listens on a port.

    Raises `UserError` when the process ends, or does not listen within a minute.
    """
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise UserError(f"{Path(str(process.args[0])).name} did not start:\n{log_tail(log)}")  # type: ignore[index]


def start_superlink(
    home: FlowerHome, log: Path, *options: str | Path, port: int
) -> subprocess.Popen[bytes]:
    """Start a SuperLink that answers on `port` and keeps its state in the home."""
    database = home.folder / "state.db"
    command: list[str | Path] = ["flower-superlink", "--host", HOST, "--port", str(port)]
    command += ["--database", database, "--disable-runtime-dependency-installation", *options]
    process = home.start(command, log)
    wait_until_open(port, process, log)
    return process


def log_tail(log: Path, lines: int = 15) -> str:
    """Return the end of a log, for an error message."""
    found = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return "\n".join(line for line in found if line.strip())[-lines * 160 :]


def last_user_error(log: Path) -> str | None:
    """Return the text of the `UserError` that ended a run, if one did, from Flower's log."""
    found = log.read_text(errors="replace").splitlines() if log.is_file() else []
    marks = [line for line in found if "errors.UserError: " in line]
    return marks[-1].partition("errors.UserError: ")[2].strip() if marks else None
