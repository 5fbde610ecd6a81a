"""The command `federate`: pre-train on clients that keep their recordings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, show_qr_code
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.models import names
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.progress import ProgressBar

Settings = Annotated[FederatedConfig, tyro.conf.OmitArgPrefixes]
PATHS = ("source", "server_data", "start", "artifact", "cache_dir")


@dataclass
class Simulate(Command):
    """Simulate many clients on this machine, each with its part of a corpus."""

    config: Settings = field(default_factory=FederatedConfig)
    workers: int | None = None
    """Clients that train at the same time, one per core. Default: one for each core."""
    centralized: bool = False
    """Train once more on the same recordings in one place, with as many steps, and plot both into
    OUT/federated.png."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        require("flwr", "federated")
        from tiny_audio_ssl.federated.centralized import FOLDER, train
        from tiny_audio_ssl.federated.plot import check_plot, draw
        from tiny_audio_ssl.federated.simulate import simulate
        from tiny_audio_ssl.utils.claim import claimed

        config = _with_absolute_paths(self.config)
        if self.centralized:
            check_plot(Path(config.out))
        with _progress_bar("rounds", config.rounds) as report:
            folder = simulate(config, self.workers, report)
        if self.centralized:
            own = Path(config.out) / FOLDER
            with claimed(own), _progress_bar("centralized", config.rounds) as report:
                train(config, report)
            draw(Path(config.out))
        return _print_outcome(config, folder, self.json)


@dataclass
class Loopback(Command):
    """Run a real deployment on this machine: server and clients as separate processes, with TLS and
    authentication.

    This tries out the deployment that docs/federated.md describes.
    """

    audio: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="AUDIO...")]
    """Folder or manifest of each client's recordings."""
    config: Settings = field(default_factory=FederatedConfig)
    native_devices: int = 0
    """Number of clients, the last of AUDIO, that are native devices instead of Python clients. They
    train with --artifact, on folders of WAV files (16-bit, mono, 16 kHz). See
    docs/native-device.md."""
    native_program: Path | None = None
    """Program of a native device: OUT/tiny-audio-device, built by android_demo/build_device.sh OUT.
    """
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        require("flwr", "federated")
        from tiny_audio_ssl.federated.loopback import deploy

        config = _with_absolute_paths(self.config)
        with _progress_bar("rounds", config.rounds) as report:
            folder = deploy(config, self.audio, report, self.native_devices, self.native_program)
        return _print_outcome(config, folder, self.json)


@dataclass
class DeviceFolder(Command):
    """Write the folder that a native device needs: artifacts, and the description of its app."""

    artifact: Annotated[Path, tyro.conf.Positional]
    """Folder of a training artifact, written by export-training."""
    out: Path
    """Folder to write to."""

    def run(self) -> int:
        from tiny_audio_ssl.federated.device_folder import make_device_folder

        with err.status("exporting the front-end"):
            folder = make_device_folder(self.artifact, self.out)
        out.print(f"{folder}: copy it to the device; see docs/native-device.md")
        return 0


@dataclass
class Enroll(Command):
    """Write the file by which phones enroll in a federation, and show it as a QR code.

    It holds nothing secret: each phone makes its own key, whose public half the operator registers
    with `flwr supernode register`. See docs/android.md.
    """

    device: Annotated[Path, tyro.conf.Positional]
    """Folder of the phones' artifact, as device-folder makes it."""
    server: str
    """Address of the SuperLink: HOST:PORT."""
    authority: Path
    """PEM certificate of the authority that signed the server's certificate."""
    out: Path = Path("enrollment.json")
    """File to write."""

    def run(self) -> int:
        from tiny_audio_ssl.federated.enrollment import read_enrollment

        enrollment = read_enrollment(self.device, self.server, self.authority)
        with atomic_file(self.out) as file:
            file.write_text(enrollment.to_json())
        link = enrollment.link()
        show_qr_code(link)
        out.print(link, soft_wrap=True)
        err.print(f"{self.out}: open it in the app, or scan the code with the phone's camera")
        return 0


@dataclass
class Federate(Command):
    """Pre-train on clients that keep their recordings; see docs/federated.md."""

    action: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[Simulate, tyro.conf.subcommand("simulate")]
            | Annotated[Loopback, tyro.conf.subcommand("loopback")]
            | Annotated[DeviceFolder, tyro.conf.subcommand("device-folder")]
            | Annotated[Enroll, tyro.conf.subcommand("enroll")]
        ]
    ]

    def run(self) -> int:
        return self.action.run()


def _with_absolute_paths(config: FederatedConfig) -> FederatedConfig:
    """Flower's processes run in other folders."""
    default = Path("runs") / f"federated-{config.task}-{config.encoder}"
    paths = {"out": str(Path(config.out or default).absolute())}
    for setting in PATHS:
        given = getattr(config, setting)
        if given and given.partition(":")[0] != "builtin":
            folder = names.folder_of(given) if setting == "start" else Path(given)
            paths[setting] = str(folder.expanduser().absolute())
    return replace(config, **paths)  # type: ignore[arg-type]


@contextmanager
def _progress_bar(title: str, total: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    with ProgressBar(title, total, note="starting", console=err) as bar:

        def report(round_number: int, metrics: dict[str, float]) -> None:
            shown = {
                "loss": metrics.get("validation/loss", metrics.get("train/loss")),
                "accuracy": metrics.get("probe/accuracy"),
                "MB": metrics.get("traffic/total_mb"),
                "left out": metrics.get("clients/left_out") or None,
                "epsilon": metrics.get("privacy/epsilon"),
            }
            state = "  ".join(f"{k} {v:.4g}" for k, v in shown.items() if v is not None)
            bar.update(round_number, state)

        yield report


def _print_outcome(config: FederatedConfig, folder: Path, as_json: bool) -> int:
    from tiny_audio_ssl.federated.simulate import last_round, lost_rounds

    number, metrics = last_round(Path(config.out))
    if as_json:
        print(json.dumps({"run": config.out, "folder": str(folder), "round": number, **metrics}))
        return 0
    listed = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    if lost := lost_rounds(config):
        err.print(
            f"{lost} of {number} rounds had too few valid updates and changed nothing; "
            f"{config.out}/clients.jsonl has the reasons",
        )
    out.print(f"{config.out}: {number} rounds; the last: {listed}")
    out.print(f"next: tiny-audio-ssl probe {config.out} --data LABELS.csv")
    out.print(f"      tiny-audio-ssl export {config.out}")
    return 0
