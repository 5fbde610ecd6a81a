"""Memory and processor time of a client in a real deployment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from tiny_audio_ssl.audio import synthetic as sounds
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.loopback import SUPERNODE, deployment
from tiny_audio_ssl.federated.run_files import run_log
from tiny_audio_ssl.federated.simulate import finished_run, last_round

SETTLED_S = 5.0


def client_cost(
    config: FederatedConfig,
    folder: Path,
    native: tuple[Path, Path] | None = None,
    supernode: Sequence[str] = SUPERNODE,
) -> dict[str, float]:
    """Measure a client, `config.clients` being 1: megabytes of all its processes while waiting and
    at most, and seconds of one core until it waits for a message, in the first round and in each
    later one.

    Args:
        native: program and folder of a native device, to measure instead of a Python client.
        supernode: the program of a Python client.
    """
    recordings = sounds.write(folder / "recordings", per_class=2, seed=0)
    with deployment() as place:
        place.supernode_program = supernode
        if native:
            place.add_native_device(*native, recordings.parent)
        else:
            place.add_supernode(recordings)
        client = psutil.Process(place.supernodes[0].pid)
        # In Python: the connection, and the process that starts the app.
        while len(family(client)) < (1 if native else 2):
            time.sleep(0.1)
        time.sleep(SETTLED_S)
        waiting_mb, before_s = memory_mb_of(family(client)), core_s_of(family(client))
        run, log = Path(config.out), run_log(Path(config.out))
        app = place.home.run_app(config, log)
        most_mb, first_s = 0.0, None
        while app.poll() is None:
            most_mb = max(most_mb, memory_mb_of(family(client)))
            if first_s is None and last_round(run)[0] >= 1:
                first_s = core_s_of(family(client)) - before_s
            time.sleep(0.1)
        spent_s = core_s_of(family(client)) - before_s
    finished_run(config, log)
    assert first_s is not None
    return {
        "waiting_mb": waiting_mb,
        "most_mb": most_mb,
        "core_s_until_waiting": before_s,
        "first_core_s": first_s,
        "core_s_per_round": (spent_s - first_s) / (config.rounds - 1),
    }


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    return [process, *process.children(recursive=True)]


def memory_mb_of(processes: Iterable[psutil.Process]) -> float:
    """Return the memory of processes, with their part of what they share (PSS); Linux only."""
    held = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended
            held += process.memory_full_info().pss
    return held / 1e6


def core_s_of(processes: Iterable[psutil.Process]) -> float:
    """Return the processor time of processes and of their children that have ended."""
    spent = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent
