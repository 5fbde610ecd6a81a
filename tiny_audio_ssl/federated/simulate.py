"""A simulation: many clients on this machine, each with its part of a corpus."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import backends, processes
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.recordings import partition_sizes
from tiny_audio_ssl.federated.run_files import LISTS, begin_logs, check_logs, run_log
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.training.new_run import make_room
from tiny_audio_ssl.utils.claim import CLAIM, claimed
from tiny_audio_ssl.utils.ranges import COUNT, checked_number

Report = Callable[[int, dict[str, float]], None]
SIMULATION = "tiny_audio_ssl.federated.simulation"


def simulate(
    config: FederatedConfig, workers: int | None = None, report: Report | None = None
) -> Path:
    """Run a server and its clients in processes of this machine; returns the last checkpoint.

    Args:
        workers: clients that train at the same time, one on each core; all cores if None.
        report: called with the number and the metrics of each round when it ends.

    Raises `UserError`: invalid settings, an unsuitable artifact, or a failed run, with its reason.
    """
    if workers is not None:
        checked_number("workers", workers, COUNT)
    run = Path(config.out)
    check_run_folder(config)
    open_corpus(config.server_data)
    partition_sizes(config)
    backends.make_fabric(config)
    log = run_log(run)
    with claimed_launch(run), processes.flower_home() as home:
        begin_logs(run)
        settings = home.write_settings(config)
        cores = (os.cpu_count() or 1) if workers is None else workers
        server = home.start([sys.executable, "-m", SIMULATION, settings, str(cores)], log)
        report_rounds(server.poll, run, report)
    return finished_run(config, log)


def check_run_folder(config: FederatedConfig) -> None:
    """Raise the server's `UserError` about the run's folder before anything is started."""
    run = Path(config.out)
    check_logs(run)
    if not config.resume:
        make_room(run, [config.source, config.server_data, config.start], "--resume", also=LISTS)
    elif not (run / "last").exists():
        raise UserError(f"{run}: no run there to continue; leave out --resume")


def claimed_launch(run: Path) -> AbstractContextManager[None]:
    """Hold a run's folder while this process starts and ends the others.

    The server, which is one of these, holds the run itself.
    """
    return claimed(run, ".launch" + CLAIM)


def report_rounds(ended: Callable[[], int | None], run: Path, report: Report | None) -> None:
    """Wait for the end of a run, and report each round that the server logs meanwhile."""
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


def finished_run(config: FederatedConfig, log: Path) -> Path:
    """Return the last checkpoint of a finished run. Raises `UserError` if it failed, saying why."""
    run = Path(config.out)
    if (run / "last").exists() and last_round(run)[0] >= config.rounds:
        folder = checkpoint.locate(run)
        if checkpoint.load(folder).progress["federated"]["rounds_learned"]:
            return folder
    if reason := processes.last_user_error(log):
        raise UserError(reason)
    raise UserError(f"the run ended early; {log} says:\n{processes.log_tail(log)}")


def _rounds(run: Path) -> list[tuple[int, dict[str, float]]]:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    return [(int(record.pop("step")), record) for record in records]


def lost_rounds(config: FederatedConfig) -> int:
    """Return the number of a run's rounds that had fewer valid updates than `min_clients`."""
    accepted = [metrics["clients/accepted"] for _, metrics in _rounds(Path(config.out))]
    return sum(count < config.min_clients for count in accepted)


def last_round(run: Path) -> tuple[int, dict[str, float]]:
    """Return the newest round of a run and its metrics; round 0 if there is none."""
    return max(_rounds(run), key=lambda one: one[0], default=(0, {}))
