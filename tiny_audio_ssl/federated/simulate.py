"""A simulation in one call: many devices on this machine, each with its part of a corpus."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import backends, processes
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.recordings import check_source
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.utils.extras import require

LOG = "flower.log"  # in the run's folder
Report = Callable[[int, dict[str, float]], None]


def simulate(
    config: FederatedConfig, workers: int | None = None, report: Report | None = None
) -> Path:
    """Run `flwr run` against a SuperLink of its own; returns the folder of the last checkpoint.

    Args:
        workers: devices that train at a time, one a core; all cores if None.
        report: called with each round and its numbers, as it ends.

    Raises `UserError`: settings or an artifact that can't work; a run that failed, and why.
    """
    _require_ray()
    run = Path(config.out)
    check_run(config)
    check_source(config)
    backends.process(config)
    log = run / LOG
    log.unlink(missing_ok=True)
    federation = {
        "num-supernodes": config.clients,
        "client-resources-num-cpus": 1,
        "init-args-num-cpus": workers or os.cpu_count() or 1,
    }
    with processes.home() as place:
        port = processes.free_port()
        place.connect(port)
        processes.superlink(
            place, place.folder / "superlink.log", "--insecure", "--simulation", port=port
        )
        app = place.run_app(config, log, federation)
        watch(app.poll, run, report)
    return finished(config, log)


def _require_ray() -> None:
    if importlib.util.find_spec("ray") is None:  # to import it would take seconds
        require("ray", "federated")


def check_run(config: FederatedConfig) -> None:
    """What the server would say of the folder, before anything is started."""
    run = Path(config.out)
    there = (run / "last").exists()
    if there and not config.resume:
        raise UserError(
            f"{run}: holds a run already; go on with it by --resume, or name another --out"
        )
    if config.resume and not there:
        raise UserError(f"{run}: no run there to go on with; leave out --resume")


def watch(ended: Callable[[], int | None], run: Path, report: Report | None) -> None:
    """Wait for the end, and report the rounds that the server writes down meanwhile."""
    seen = last_round(run)[0]
    while True:
        done = ended() is not None
        for number, values in _rounds(run):
            if number > seen:
                seen = number
                if report:
                    report(number, values)
        if done:
            return
        time.sleep(0.2)


def finished(config: FederatedConfig, log: Path) -> Path:
    """The last checkpoint, if all rounds were done. Raises `UserError` with what went wrong."""
    run = Path(config.out)
    if (run / "last").exists() and last_round(run)[0] >= config.rounds:
        return checkpoint.locate(run)
    if reason := processes.said(log):
        raise UserError(reason)
    raise UserError(f"the run ended early; {log} says:\n{processes.tail(log)}")


def _rounds(run: Path) -> list[tuple[int, dict[str, float]]]:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    return [(int(record.pop("step")), record) for record in records]


def last_round(run: Path) -> tuple[int, dict[str, float]]:
    """The newest round of a run, and its numbers; round 0 if there is none."""
    return max(_rounds(run), key=lambda one: one[0], default=(0, {}))
