"""A native device beside a Python one: processor time, memory and bytes of a round over TLS.

python benchmarks/native_device.py --native-program OUT/tiny-audio-device   # build_device.sh OUT

Both train in ExecuTorch, from the same start, on the same recordings, with the same draws: ten
steps a round, then sixty. The difference is the time of a step, with its crops, log-mels, slices
and optimizer, and without the start of the program and the messages of a round.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from federation_device import client_cost

import tiny_audio_ssl
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.export.training.to_training import export_training
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.device_folder import make_device_folder, training_entry
from tiny_audio_ssl.federated.run_files import CLIENTS
from tiny_audio_ssl.utils.files import write_rows

HERE = Path(__file__).parent
STEPS, MORE_STEPS = 10, 60


@dataclass(frozen=True)
class NativeDeviceBenchmark:
    """Measure one client of each kind; each row of the results is one number."""

    native_program: Path
    """Program that android_demo/build_device.sh makes, with the engine in the same folder."""
    rounds: int = 3
    csv: Path = HERE / "results" / "native_device.csv"


def main(wanted: NativeDeviceBenchmark) -> None:
    with TemporaryDirectory() as folder:
        write_rows(wanted.csv, list(measured(wanted, Path(folder))))


def measured(wanted: NativeDeviceBenchmark, folder: Path) -> Iterator[dict[str, Any]]:
    tiny_audio_ssl.pretrain("builtin:8", folder / "start", task="temporal-gap", steps=20)
    artifact = export_training(folder / "start", batch_size=16).folder
    program = wanted.native_program.absolute()
    native = (program, make_device_folder(artifact, folder / "device"))
    versions = {name: metadata.version(name) for name in ("flwr", "executorch")}
    start_s = core_s_to_start(program, folder / "state")
    costs: dict[str, dict[str, float]] = {}
    for device in ("python", "native"):
        few, more = (
            cost_of(
                config_of(
                    folder / "start", artifact, wanted.rounds, steps, folder / f"{device}-{steps}"
                ),
                folder,
                native if device == "native" else None,
            )
            for steps in (STEPS, MORE_STEPS)
        )
        added_s = more["core_s_per_round"] - few["core_s_per_round"]
        costs[device] = few | {"core_s_per_step": added_s / (MORE_STEPS - STEPS)}
    costs["native / python"] = {
        measure: costs["native"][measure] / value for measure, value in costs["python"].items()
    }
    costs["native"]["core_s_to_start"] = start_s
    for device, cost in costs.items():
        for measure, value in cost.items():
            print(f"{device}: {measure} {value:.4g}", flush=True)
            row = {"device": device, "rounds": wanted.rounds, "steps": STEPS, "measure": measure}
            yield {**row, "value": f"{value:.6g}", "machine": device_name(), **versions}


def config_of(start: Path, artifact: Path, rounds: int, steps: int, out: Path) -> FederatedConfig:
    """Return the settings of one client that trains for some rounds of `steps`."""
    return FederatedConfig(
        start=str(start),
        norm="frozen",
        backend="executorch",
        draws="counter",
        artifact=str(artifact),
        artifact_sha256=training_entry(artifact)["sha256"],
        clients=1,
        min_clients=1,
        rounds=rounds,
        local_steps=steps,
        evaluate_every=0,
        out=str(out),
    )


def cost_of(
    config: FederatedConfig, folder: Path, native: tuple[Path, Path] | None
) -> dict[str, float]:
    """Return a client's cost, and the bytes that it sends in a round."""
    cost = client_cost(config, folder / "sounds", native)
    lines = (Path(config.out) / CLIENTS).read_text().splitlines()
    sent = [json.loads(line)["up_bytes"] for line in lines]
    return cost | {"up_bytes_per_round": sum(sent) / len(sent)}


def core_s_to_start(program: Path, state: Path) -> float:
    """Return the processor time until the native program could do something: it shows its key."""
    before = os.times()
    subprocess.run([program, "--state", state, "--key"], check=True, capture_output=True)
    after = os.times()
    user_s = after.children_user - before.children_user
    return user_s + after.children_system - before.children_system


if __name__ == "__main__":
    main(tyro.cli(NativeDeviceBenchmark))
