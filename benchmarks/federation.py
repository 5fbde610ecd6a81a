"""Cost of federated training beside a plain loop, and its accuracy beside centralized training.

python benchmarks/federation.py                              # all parts; more than an hour
python benchmarks/federation.py --parts norms --seeds 0 1 2  # one part; other rows are kept
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import numpy as np
import torch
import tyro
from federation_device import client_cost, memory_mb_of

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.federated import centralized, local_training, model_vectors
from tiny_audio_ssl.federated.config import Encoding, FederatedConfig, NormKind
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.loopback import SUPERNODE
from tiny_audio_ssl.federated.model_vectors import ExchangedTensors
from tiny_audio_ssl.federated.orphan_guard import processes_of
from tiny_audio_ssl.federated.recordings import client_recordings, partition_sizes
from tiny_audio_ssl.federated.simulate import last_round, simulate
from tiny_audio_ssl.federated.update_encoding import encode, payload_bytes
from tiny_audio_ssl.models.checkpoint import build_model
from tiny_audio_ssl.utils.files import read_rows, write_rows

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "federation.csv"
Part = Literal["overhead", "bytes", "quality", "norms", "scale", "device"]
Row = dict[str, Any]


@dataclass(frozen=True)
class FederationBenchmark:
    """Measure federated training; each row of the results is one number."""

    parts: tuple[Part, ...] = get_args(Part)
    """Parts to measure. `overhead`: seconds of a simulation and of the same steps in a loop.
    `bytes`: size of an update. `quality`: probe accuracy beside centralized training. `norms`:
    probe accuracy with each normalization, speakers as clients. `scale`: seconds and memory with
    many clients. `device`: memory of a client in a real deployment."""
    clients: tuple[int, ...] = (10, 50, 200)
    """`overhead`: numbers of clients, all of them in each round."""
    client_s: float = 2.0
    """`overhead`: seconds of computation of a client in a round."""
    workers: int = 1
    """`overhead`: clients that train at the same time; the loop has one."""
    scale_clients: int = 1000
    scale_per_round: int = 20
    scale_rounds: int = 20
    rounds: int = 12
    """`quality`, `norms`: rounds, each with 10 of 20 speakers and 10 steps of each."""
    seeds: tuple[int, ...] = (0,)
    """`quality`, `norms`: seeds; every run is made once with each."""
    data: Path = Path(os.environ.get("TINY_AUDIO_SSL_DATA", "data"))
    """`quality`, `norms`: folder with `speakers/meta.csv` for the clients and `keywords/meta.csv`
    for the probe; TINY_AUDIO_SSL_DATA names the default."""
    csv: Path = RESULTS


def main(wanted: FederationBenchmark) -> None:
    torch.set_num_threads(1)
    for part in wanted.parts:
        with TemporaryDirectory() as folder:
            keep(wanted.csv, part, list(PARTS[part](wanted, Path(folder))))


SETTINGS = ("clients", "per_round", "rounds", "local_steps", "seed")


def row(config: FederatedConfig | None, setting: str, measure: str, value: float) -> Row:
    """Return a row for one number; without a config it depends on none of the SETTINGS."""
    about = {name: getattr(config, name) if config else "" for name in SETTINGS}
    clients = f"{config.clients} clients, " if config else ""
    print(f"{clients}{setting}: {measure} {value:.4g}", flush=True)
    return {**about, "setting": setting, "measure": measure, "value": f"{value:.6g}"}


def keep(path: Path, part: str, rows: list[Row]) -> None:
    """Replace earlier rows of the part with the same numbers of clients."""
    versions = {name: metadata.version(name) for name in ("flwr", "ray", "torch")}
    made = [{"part": part, **one, "device": device_name(), **versions} for one in rows]
    measured = {(one["part"], str(one["clients"])) for one in made}
    old: list[Row] = []
    if path.is_file():
        old = [one for one in read_rows(path) if (one["part"], one["clients"]) not in measured]
    write_rows(path, [*old, *made])


# --- overhead -------------------------------------------------------------------------------


def overhead(wanted: FederationBenchmark, folder: Path) -> Iterator[Row]:
    steps = steps_in(wanted.client_s, folder / "calibration")
    for clients in wanted.clients:
        config = FederatedConfig(
            source=sounds_for(clients),
            partition="iid",
            clients=clients,
            rounds=max(1, 50 // clients),
            local_steps=steps,
            evaluate_every=0,
            out=str(folder / f"simulation-{clients}"),
        )
        partition_sizes(config)  # decodes new recordings, outside both measurements
        loop_s = plain_loop(replace(config, out=str(folder / f"loop-{clients}")))
        simulation_s = timed(lambda c: simulate(c, wanted.workers), config)
        rounds_s = sum(record["speed/round_s"] for record in records(config))
        setting = f"{wanted.client_s:g} s a device, {wanted.workers} at a time"
        yield row(config, setting, "loop_s", loop_s)
        yield row(config, setting, "simulation_s", simulation_s)
        yield row(config, setting, "start_and_end_s", simulation_s - rounds_s)
        yield row(config, setting, "ratio", simulation_s / loop_s)
        yield row(config, setting, "ratio_of_rounds", rounds_s / loop_s)


def steps_in(seconds: float, folder: Path) -> int:
    """Return how many training steps take a client so long, once it is warm."""
    config = FederatedConfig(source=sounds_for(2), clients=2, partition="iid", out=str(folder))
    model = GlobalModel.open(config)

    def train(config: FederatedConfig) -> object:
        recordings = client_recordings(config, {"partition-id": 0}, 0)
        return local_training.train(
            config, model.weights, model.fixed, recordings, 1, client_index=0
        )

    train(config)
    many = replace(config, local_steps=40)
    return max(1, round(seconds / (timed(train, many) / many.local_steps)))


def plain_loop(config: FederatedConfig) -> float:
    """Return the seconds of the same clients' steps, one after the other, and of their mean."""
    model = GlobalModel.open(config)

    def train(config: FederatedConfig) -> None:
        for number in range(1, config.rounds + 1):
            weights, fixed, updates = model.weights, model.fixed, []
            for client_index in range(config.clients):
                recordings = client_recordings(config, {"partition-id": client_index}, client_index)
                trained = local_training.train(
                    config, weights, fixed, recordings, number, client_index
                )
                updates.append(trained.update)
            model.load_weights(weights + np.mean(updates, axis=0))

    return timed(train, config)


def timed(what: Callable[[FederatedConfig], object], config: FederatedConfig) -> float:
    began = time.perf_counter()
    what(config)
    return time.perf_counter() - began


def sounds_for(clients: int) -> str:
    """Return a source of synthetic sounds in eight classes, at least one for each client."""
    return f"builtin:{max(16, -(-clients // 8))}"


def records(config: FederatedConfig) -> list[dict[str, float]]:
    lines = (Path(config.out) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


# --- bytes ----------------------------------------------------------------------------------


def bytes_of_updates(wanted: FederationBenchmark, folder: Path) -> Iterator[Row]:
    for task in ("temporal-gap", "audio2vec-cbow"):
        for part in ("", "encoder"):
            config = FederatedConfig(task=task, train_only=part)
            own = config.pretrain()
            model = build_model(own.frontend, own.encoder)
            exchanged = ExchangedTensors.of(
                model, model_vectors.build_pretext(own, model), config.train_only
            )
            weights = model_vectors.to_vector(exchanged.weights)
            for encoding in get_args(Encoding):
                setting = f"{task}, {config.encoder}, {part or 'all'}, {encoding}"
                yield row(None, setting, "update_bytes", payload_bytes(encode(weights, encoding)))


# --- quality and norms ----------------------------------------------------------------------


def quality(wanted: FederationBenchmark, folder: Path) -> Iterator[Row]:
    """Probe words that no client had: untrained, federated, centralized."""
    for seed in wanted.seeds:
        config = by_speaker(wanted, folder / f"run-{seed}", seed)
        yield row(config, "untrained", "accuracy", untrained_accuracy(config))
        for name, settings in federations(config).items():
            own = replace(config, out=str(folder / f"{name}-{seed}"), **settings)
            simulate(own)
            numbers = last_round(Path(own.out))[1]
            yield row(own, name, "accuracy", numbers[ACCURACY])
            yield row(own, name, "total_mb", numbers[TOTAL_MB])
        run = centralized.train(config, lambda number, values: None).parents[1]
        yield row(config, "in one place", "accuracy", last_round(run)[1][ACCURACY])


def federations(config: FederatedConfig) -> dict[str, dict[str, Any]]:
    """Return settings that lead to the same number of steps of each client."""
    rounds, steps = config.rounds * config.local_steps // 2, 2
    often = {"rounds": rounds, "local_steps": steps, "probe_every": rounds}
    return {
        "fedavg": {},
        "fedprox": {"strategy": "fedprox"},
        "fedadam": {"strategy": "fedadam"},
        "fedavg, int8": {"encoding": "int8"},
        "fedavg, more often": {**often, "evaluate_every": rounds},
    }


def norms(wanted: FederationBenchmark, folder: Path) -> Iterator[Row]:
    """Probe the same words with each normalization."""
    for seed in wanted.seeds:
        for norm in get_args(NormKind):
            config = replace(by_speaker(wanted, folder / f"{norm}-{seed}", seed), norm=norm)
            simulate(config)
            numbers = last_round(Path(config.out))[1]
            yield row(config, norm, "accuracy", numbers[ACCURACY])
            yield row(config, norm, "loss_on_devices", numbers["validation/loss"])


ACCURACY, TOTAL_MB = "probe/accuracy", "traffic/total_mb"


def by_speaker(wanted: FederationBenchmark, out: Path, seed: int) -> FederatedConfig:
    """Twenty speakers as clients, ten in a round; the server has nine words of other people."""
    return FederatedConfig(
        task="audio2vec-cbow",
        source=str(wanted.data.absolute() / "speakers" / "meta.csv"),
        group_column="speaker",
        server_data=str(wanted.data.absolute() / "keywords" / "meta.csv"),
        label_column="word",
        clients=20,
        clients_per_round=10,
        rounds=wanted.rounds,
        learning_rate=2e-3,
        evaluate_every=wanted.rounds,
        probe_every=wanted.rounds,
        seed=seed,
        out=str(out),
    )


def untrained_accuracy(config: FederatedConfig) -> float:
    model = GlobalModel.open(replace(config, out=f"{config.out}-untrained"))
    model.save({}, None)
    return model.probe()


# --- scale ----------------------------------------------------------------------------------


def scale(wanted: FederationBenchmark, folder: Path) -> Iterator[Row]:
    """Simulate many clients, few in a round; measure all processes' memory after each round."""
    config = FederatedConfig(
        source=sounds_for(wanted.scale_clients),
        partition="iid",
        clients=wanted.scale_clients,
        clients_per_round=wanted.scale_per_round,
        rounds=wanted.scale_rounds,
        local_steps=1,
        evaluate_every=0,
        out=str(folder / "run"),
    )
    partition_sizes(config)
    before = homes()
    memory_mb: list[float] = []

    def measure(number: int, values: dict[str, float]) -> None:
        processes = [one for home in homes() - before for one in processes_of(str(home))]
        memory_mb.append(memory_mb_of(processes))

    simulation_s = timed(lambda c: simulate(c, wanted.workers, measure), config)
    setting = f"1 step a device, {wanted.workers} at a time"
    yield row(config, setting, "simulation_s", simulation_s)
    yield row(
        config, setting, "round_s", float(np.median([r["speed/round_s"] for r in records(config)]))
    )
    for number, value in enumerate(memory_mb, start=1):
        yield row(config, f"{setting}, after round {number}", "memory_mb", value)


def homes() -> set[Path]:
    return set(Path("/tmp").glob("flwr-*"))


# --- device ---------------------------------------------------------------------------------


def device(wanted: FederationBenchmark, folder: Path) -> Iterator[Row]:
    """Measure one real client over TLS, with one step a round: messages cost more than training.

    Once with our SuperNode, once with Flower's, which starts a Python for each message.
    """
    for name, supernode in {"": SUPERNODE, ", flower-supernode": ("flower-supernode",)}.items():
        config = FederatedConfig(
            clients=1,
            min_clients=1,
            rounds=6,
            local_steps=1,
            evaluate_every=0,
            out=str(folder / f"run{name}"),
        )
        for measure, value in client_cost(config, folder, supernode=supernode).items():
            yield row(config, f"1 step a round, TLS{name}", measure, value)


PARTS: dict[Part, Callable[[FederationBenchmark, Path], Iterator[Row]]] = {
    "overhead": overhead,
    "bytes": bytes_of_updates,
    "quality": quality,
    "norms": norms,
    "scale": scale,
    "device": device,
}

if __name__ == "__main__":
    main(tyro.cli(FederationBenchmark))
