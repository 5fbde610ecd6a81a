"""A deployment on one machine: one SuperLink, a SuperNode for each device, TLS, and keys.

The same commands as on many machines (docs/federated.md), over 127.0.0.1. Devices share nothing
with the server but the connection.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import processes
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.credentials import ServerCredentials, device_key, server_credentials
from tiny_audio_ssl.federated.processes import HOST, Home, free_port
from tiny_audio_ssl.federated.recordings import AUDIO
from tiny_audio_ssl.federated.simulate import LOG, Report, check_run, finished, watch

Process = subprocess.Popen[bytes]


def deploy(config: FederatedConfig, audio: Sequence[Path], report: Report | None = None) -> Path:
    """Set up a server and a device for each of `audio`, run, and end all of them.

    Raises `UserError`: other than `config.clients` folders, or a run that failed.
    """
    if len(audio) != config.clients:
        raise UserError(f"{len(audio)} folders for {config.clients} devices; expected one for each")
    check_run(config)
    log = Path(config.out) / LOG
    log.unlink(missing_ok=True)
    with deployment() as place:
        for folder in audio:
            place.add_device(folder)
        app = place.home.run_app(config, log)
        watch(app.poll, Path(config.out), report)
    return finished(config, log)


@dataclass
class Deployment:
    """A SuperLink that is up, and devices that can be added, killed and restarted."""

    home: Home
    port: int
    credentials: ServerCredentials
    superlink: Process
    devices: list[Process] = field(default_factory=list)

    def start_superlink(self) -> None:
        """Start the SuperLink (again), from its database."""
        self.superlink = _superlink(self.home, self.port, self.credentials)

    def add_device(self, audio: Path, register: bool = True) -> Process:
        """Start a SuperNode with a key of its own; unless registered, it will be refused."""
        number = len(self.devices)
        key = self.home.folder / f"device-{number}"
        public = device_key(key)
        if register:
            self._register(public)
        command: list[str | Path] = ["flower-supernode", "--superlink", f"{HOST}:{self.port}"]
        command += ["--root-certificates", self.credentials.authority]
        command += ["--auth-supernode-private-key", key]
        command += ["--host", HOST, "--port", str(free_port()), "--max-retries", "100"]
        command += ["--node-config", f'{AUDIO}="{audio.absolute()}"']
        # Its own FLWR_HOME would hide it from the guard, so the devices share the server's.
        process = self.home.start(command, self.device_log(number))
        self.devices.append(process)
        return process

    def device_log(self, number: int) -> Path:
        return self.home.folder / f"device-{number}.log"

    def _register(self, public: Path) -> None:
        done = subprocess.run(
            ["flwr", "supernode", "register", str(public), processes.CONNECTION],
            env=self.home.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UserError(f"a device was not registered: {done.stdout} {done.stderr}")


@contextlib.contextmanager
def deployment() -> Iterator[Deployment]:
    """A SuperLink with TLS that wants authenticated devices; all is ended with the block."""
    with processes.home() as home:
        port = free_port()
        credentials = server_credentials(home.folder)
        home.connect(port, credentials.authority)
        yield Deployment(home, port, credentials, _superlink(home, port, credentials))


def _superlink(home: Home, port: int, credentials: ServerCredentials) -> Process:
    return processes.superlink(
        home,
        home.folder / "superlink.log",
        "--ssl-certfile",
        credentials.certificate,
        "--ssl-keyfile",
        credentials.key,
        "--ssl-ca-certfile",
        credentials.authority,
        "--enable-supernode-auth",
        port=port,
    )
