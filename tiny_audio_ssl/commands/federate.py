"""federate: pre-training on devices that keep their recordings, simulated or for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.progress import ProgressBar

Settings = Annotated[FederatedConfig, tyro.conf.OmitArgPrefixes]


@dataclass
class Simulate(Command):
    """Many devices on this machine, each with its part of a corpus, by Flower's simulation."""

    config: Settings = field(default_factory=FederatedConfig)
    workers: int | None = None
    """Devices that train at a time, one a core; all cores if left out."""
    centralised: bool = False
    """Then train on the same recordings in one place, with the same number of steps, and plot both
    into OUT/federated.png."""
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        require("flwr", "federated")
        from tiny_audio_ssl.federated.simulate import simulate

        config = _with_out(self.config)
        with _bar("rounds", config.rounds) as report:
            folder = simulate(config, self.workers, report)
        if self.centralised:
            from tiny_audio_ssl.federated.centralised import train
            from tiny_audio_ssl.federated.plot import draw

            with _bar("centralised", config.rounds) as report:
                train(config, report)
            draw(Path(config.out))
        return _told(config, folder, self.json)


@dataclass
class Loopback(Command):
    """A real deployment on this machine: a server and devices that are processes of their own,
    with TLS and authentication. For trying out what docs/federated.md does with many machines."""

    audio: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="AUDIO...")]
    """A folder or manifest for each device."""
    config: Settings = field(default_factory=FederatedConfig)
    json: bool = False
    """Print the outcome as JSON."""

    def run(self) -> int:
        require("flwr", "federated")
        from tiny_audio_ssl.federated.loopback import deploy

        config = _with_out(self.config)
        with _bar("rounds", config.rounds) as report:
            folder = deploy(config, self.audio, report)
        return _told(config, folder, self.json)


@dataclass
class Federate(Command):
    """Pre-train on devices that keep their recordings; docs/federated.md explains it."""

    action: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[Simulate, tyro.conf.subcommand("simulate")]
            | Annotated[Loopback, tyro.conf.subcommand("loopback")]
        ]
    ]

    def run(self) -> int:
        return self.action.run()


def _with_out(config: FederatedConfig) -> FederatedConfig:
    """Absolute paths: Flower's processes run elsewhere."""
    default = Path("runs") / f"federated-{config.task}-{config.encoder}"
    paths = {"out": str(Path(config.out or default).absolute())}
    for name in ("source", "server_data", "start", "artifact", "cache_dir"):
        given = getattr(config, name)
        if given and given.partition(":")[0] != "builtin":
            paths[name] = str(Path(given).expanduser().absolute())
    return replace(config, **paths)  # type: ignore[arg-type]


@contextmanager
def _bar(what: str, total: int) -> Iterator:  # type: ignore[type-arg]
    with ProgressBar(what, total, note="starting", console=err) as bar:

        def report(number: int, values: dict[str, float]) -> None:
            told = {
                "loss": values.get("validation/loss", values.get("train/loss")),
                "accuracy": values.get("probe/accuracy"),
                "MB": values.get("traffic/total_mb"),
                "left out": values.get("devices/left_out") or None,
                "epsilon": values.get("privacy/epsilon"),
            }
            state = "  ".join(f"{k} {v:.4g}" for k, v in told.items() if v is not None)
            bar.update(number, state)

        yield report


def _told(config: FederatedConfig, folder: Path, as_json: bool) -> int:
    from tiny_audio_ssl.federated.simulate import last_round

    number, values = last_round(Path(config.out))
    if as_json:
        print(json.dumps({"run": config.out, "folder": str(folder), "round": number, **values}))
        return 0
    listed = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    out.print(f"{config.out}: {number} rounds; the last: {listed}", markup=False)
    out.print(f"next: tiny-audio-ssl probe {config.out} --data LABELS.csv", markup=False)
    out.print(f"      tiny-audio-ssl export {config.out}", markup=False)
    return 0
