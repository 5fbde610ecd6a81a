"""Flower's processes on this machine, with a home of their own, all ended at the end."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tiny_audio_ssl.federated
from tiny_audio_ssl.errors import UserError

if TYPE_CHECKING:  # importing it takes seconds, and whoever only starts processes can do without
    from tiny_audio_ssl.federated.config import FederatedConfig, Value

APP = Path(tiny_audio_ssl.federated.__file__).parent
CONNECTION = "own"
HOST = "127.0.0.1"
START_S = 60


@dataclass(frozen=True)
class Home:
    """FLWR_HOME of some processes: Flower's settings, its database, and logs."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Nothing is installed at run time, nothing is reported to anyone."""
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "FLWR_HOME": str(self.folder),
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_TELEMETRY_ENABLED": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": str(self.folder),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "NO_COLOR": "1",
        }

    def start(self, command: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
        """Start one in a session of its own, so that Ctrl-C reaches us alone."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            return subprocess.Popen(
                [str(part) for part in command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def connect(self, port: int, authority: Path | None = None) -> None:
        """Tell `flwr` where the SuperLink is."""
        connection: dict[str, Value] = {"address": f"{HOST}:{port}"}
        connection |= {"root-certificates": str(authority)} if authority else {"insecure": True}
        text = (
            f'[superlink]\ndefault = "{CONNECTION}"\n[superlink.{CONNECTION}]\n{toml(connection)}'
        )
        (self.folder / "config.toml").write_text(text)

    def run_app(
        self, config: FederatedConfig, log: Path, federation: Mapping[str, Value] | None = None
    ) -> subprocess.Popen[bytes]:
        """`flwr run`; it ends when the run has."""
        settings = self.folder / "run.toml"
        settings.write_text(toml(config.run_config()))
        command: list[str | Path] = ["flwr", "run", APP, CONNECTION, "--stream"]
        command += ["--run-config", settings]
        if federation:
            listed = " ".join(f"{key}={value}" for key, value in federation.items())
            command += ["--federation-config", listed]
        return self.start(command, log)


def toml(values: Mapping[str, Value]) -> str:
    """A line for each; JSON's scalars are TOML's."""
    return "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items())


@contextlib.contextmanager
def home() -> Iterator[Home]:
    """A home, and a guard that ends all its processes and removes it, whatever happens to us."""
    # Short, and not in TMPDIR: Ray puts sockets below it, whose paths may have 107 characters.
    folder = tempfile.mkdtemp(prefix="flwr-", dir="/tmp")
    guard = subprocess.Popen(
        [sys.executable, "-m", "tiny_audio_ssl.federated.orphan_guard", folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Home(Path(folder))
    finally:
        assert guard.stdin
        guard.stdin.close()
        guard.wait()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises `UserError` when the process ends, or does not listen within a minute."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise UserError(f"{Path(str(process.args[0])).name} did not start:\n{tail(log)}")  # type: ignore[index]


def superlink(place: Home, log: Path, *options: str | Path, port: int) -> subprocess.Popen[bytes]:
    """A SuperLink that answers on `port`, its state in the home."""
    database = place.folder / "state.db"
    command: list[str | Path] = ["flower-superlink", "--host", HOST, "--port", str(port)]
    command += ["--database", database, "--disable-runtime-dependency-installation", *options]
    process = place.start(command, log)
    wait_until_open(port, process, log)
    return process


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, for an error message."""
    found = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return "\n".join(line for line in found if line.strip())[-lines * 160 :]


def said(log: Path) -> str | None:
    """The text of the `UserError` that a run ended with, if it did."""
    found = log.read_text(errors="replace").splitlines() if log.is_file() else []
    marks = [line for line in found if "errors.UserError: " in line]
    return marks[-1].partition("errors.UserError: ")[2].strip() if marks else None
