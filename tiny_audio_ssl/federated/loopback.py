"""A deployment on one machine: a SuperLink and a SuperNode for each client, with TLS and keys.

The processes and their options are those of many machines (docs/federated.md), over 127.0.0.1.
Clients share nothing with the server but the connection.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import processes
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.credentials import (
    ServerCredentials,
    server_credentials,
    supernode_key,
)
from tiny_audio_ssl.federated.device_folder import make_device_folder, training_entry
from tiny_audio_ssl.federated.processes import HOST, FlowerHome, free_port
from tiny_audio_ssl.federated.recordings import AUDIO, CANNOT_TAKE_PART
from tiny_audio_ssl.federated.run_files import (
    begin_logs,
    check_logs,
    logs_of,
    run_log,
    superlink_log,
    supernode_log,
)
from tiny_audio_ssl.federated.simulate import (
    Report,
    check_run_folder,
    claimed_launch,
    finished_run,
    report_rounds,
)
from tiny_audio_ssl.utils.ranges import COUNT_OR_0, checked_number

SUPERNODE = (sys.executable, "-m", "tiny_audio_ssl.federated.supernode")


def deploy(
    config: FederatedConfig,
    audio: Sequence[Path],
    report: Report | None = None,
    native_devices: int = 0,
    native_program: Path | None = None,
) -> Path:
    """Start a server and a client for each of `audio`, run, and end all of them.

    Args:
        native_devices: number of clients, the last ones, that are native devices, which train with
        `config.artifact`. The run then names that artifact. native_program: their program, which
        `android_demo/build_device.sh` makes.

    Returns the folder of the last checkpoint. Raises `UserError`: another number of folders than
    `config.clients`, a folder without recordings, native devices without artifact or program, or a
    failed run, with the reasons of its clients.
    """
    if len(audio) != config.clients:
        raise UserError(
            f"{len(audio)} folders for {config.clients} clients; name one folder for each, or set "
            f"--clients {len(audio)}"
        )
    config = _for_native_devices(config, native_devices, native_program)
    check_run_folder(config)
    open_corpus(config.server_data)
    for folder in audio:
        open_corpus(folder)
    run = Path(config.out)
    check_logs(run, len(audio))
    log, logs = run_log(run), logs_of(run)
    with contextlib.ExitStack() as stack:
        stack.enter_context(claimed_launch(run))
        begin_logs(run, len(audio))
        place = stack.enter_context(deployment(logs))
        for folder in audio[: len(audio) - native_devices]:
            place.add_supernode(folder)
        if native_program and native_devices:
            device = make_device_folder(config.artifact, place.home.folder / "device")
            for folder in audio[len(audio) - native_devices :]:
                place.add_native_device(native_program, device, folder)
        app = place.home.run_app(config, log)
        report_rounds(app.poll, run, report)
    try:
        return finished_run(config, log)
    except UserError as error:
        reasons = [f"{audio[i]}: {reason_in(place.supernode_log(i))}" for i in range(len(audio))]
        raise UserError("\n  ".join([str(error), *reasons])) from error


def _for_native_devices(
    config: FederatedConfig, count: int, program: Path | None
) -> FederatedConfig:
    """Return the settings with the artifact's SHA-256, without which native devices refuse."""
    checked_number("native-devices", count, COUNT_OR_0)
    if not count:
        return config
    if count > config.clients or program is None or not config.artifact:
        raise UserError(
            f"{count} native devices of {config.clients} clients, program "
            f"{program or 'not given'}, artifact {config.artifact or 'not given'}; expected no "
            "more native devices than clients, --native-program (android_demo/build_device.sh "
            "makes it) and --artifact (tiny-audio-ssl export-training makes it)"
        )
    return replace(config, artifact_sha256=training_entry(Path(config.artifact))["sha256"])


def reason_in(log: Path) -> str:
    """Return the reason from a client's log why it could not take part, or the path of the log."""
    _, found, reason = (log.read_text(errors="replace") if log.is_file() else "").rpartition(
        CANNOT_TAKE_PART
    )
    return reason.splitlines()[0] if found else f"see {log}"


@dataclass
class Deployment:
    """A running SuperLink, and SuperNodes that can be added, killed and restarted."""

    home: FlowerHome
    port: int
    credentials: ServerCredentials
    superlink: subprocess.Popen[bytes]
    logs: Path
    supernodes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    supernode_program: Sequence[str] = SUPERNODE  # with the options of `flower-supernode`

    def start_superlink(self) -> None:
        """Restart the SuperLink from its database."""
        self.superlink = _start_superlink(self.home, self.logs, self.port, self.credentials)

    def add_supernode(self, audio: Path, register: bool = True) -> subprocess.Popen[bytes]:
        """Start a SuperNode with its own key; the SuperLink refuses it unless it is registered."""
        number = len(self.supernodes)
        key = self.home.folder / f"supernode-{number}"
        public = supernode_key(key)
        if register:
            self.register(public)
        command: list[str | Path] = [*self.supernode_program]
        command += ["--superlink", f"{HOST}:{self.port}"]
        command += ["--root-certificates", self.credentials.authority]
        command += ["--auth-supernode-private-key", key]
        command += ["--host", HOST, "--port", str(free_port()), "--max-retries", "100"]
        command += ["--node-config", f"{AUDIO}={json.dumps(str(audio.absolute()))}"]
        # With its own FLWR_HOME the guard would not find it, so all share the server's.
        process = self.home.start(command, self.supernode_log(number))
        self.supernodes.append(process)
        return process

    def add_native_device(self, program: Path, device: Path, audio: Path) -> None:
        """Start and register a native device with its own key, as the next SuperNode.

        `device`: the folder that `make_device_folder` makes. Raises `UserError` if the program
        can't make a key.
        """
        number = len(self.supernodes)
        state = self.home.folder / f"native-{number}"
        made = self.home.run([str(program), "--state", str(state), "--key"])
        if made.returncode:
            raise UserError(f"{program} did not make a key: {made.stderr}")
        public = state / "node.pub"
        public.write_text(made.stdout)
        self.register(public)
        command: list[str | Path] = [program, "--state", state, "--server", f"{HOST}:{self.port}"]
        command += ["--authority", self.credentials.authority, "--folder", device]
        command += ["--clips", audio.absolute()]
        self.supernodes.append(self.home.start(command, self.supernode_log(number)))

    def supernode_log(self, number: int) -> Path:
        """Return the log file of the SuperNode that was added as number 0, 1, ..."""
        return supernode_log(self.logs, number)

    def register(self, public: Path) -> None:
        """Let the SuperLink accept the node with a public key. Raises `UserError` if it refuses."""
        command = ["flwr", "supernode", "register", str(public), processes.CONNECTION]
        done = self.home.run(command)
        if done.returncode:
            raise UserError(f"a SuperNode was not registered: {done.stdout} {done.stderr}")


@contextlib.contextmanager
def deployment(logs: Path | None = None) -> Iterator[Deployment]:
    """Start a SuperLink with TLS that requires authenticated SuperNodes; the end of the block stops
    all of them.

    All write their logs to the folder `logs`, or to one that is removed with them.
    """
    with processes.flower_home() as home:
        port = free_port()
        credentials = server_credentials(home.folder)
        home.connect(port, credentials.authority)
        logs = logs or home.folder
        superlink = _start_superlink(home, logs, port, credentials)
        yield Deployment(home, port, credentials, superlink, logs)


def _start_superlink(
    home: FlowerHome, logs: Path, port: int, credentials: ServerCredentials
) -> subprocess.Popen[bytes]:
    options: list[str | Path] = ["--enable-supernode-auth"]
    options += ["--ssl-certfile", credentials.certificate, "--ssl-keyfile", credentials.key]
    options += ["--ssl-ca-certfile", credentials.authority]
    return processes.start_superlink(home, superlink_log(logs), *options, port=port)
