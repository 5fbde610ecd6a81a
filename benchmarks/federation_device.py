"""What a device of a real deployment holds in memory, and how long it takes to begin."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tiny_audio_ssl.audio import synthetic as sounds
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.loopback import deployment
from tiny_audio_ssl.federated.simulate import LOG, finished

SETTLED_S = 5.0


def cost_of_a_device(config: FederatedConfig, folder: Path) -> dict[str, float]:
    """Of one device, `config.clients` being 1: MB of all its processes while waiting and at most,
    and seconds of a core in a round."""
    recordings = sounds.write(folder / "recordings", per_class=2, seed=0)
    with deployment() as place:
        device = place.add_device(recordings)
        while len(family(device.pid)) < 2:  # the connection, and what starts the app
            time.sleep(0.1)
        time.sleep(SETTLED_S)
        waiting_mb, began_s = held_mb(family(device.pid)), core_s(family(device.pid))
        log = Path(config.out) / LOG
        app = place.home.run_app(config, log)
        most_mb = 0.0
        while app.poll() is None:
            most_mb = max(most_mb, held_mb(family(device.pid)))
            time.sleep(0.25)
        spent_s = core_s(family(device.pid)) - began_s
    finished(config, log)
    return {
        "waiting_mb": waiting_mb,
        "most_mb": most_mb,
        "core_s_per_round": spent_s / config.rounds,
    }


def family(process: int) -> list[int]:
    """A process and all that it started, and they started."""
    found = [process]
    for parent in found:
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in read(file).split()]
    return found


def held_mb(processes: list[int]) -> float:
    """Their memory, of what they share with others their part. Who has ended holds 0."""
    held = 0.0
    for process in processes:
        lines = read(Path(f"/proc/{process}/smaps_rollup")).splitlines()
        held += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
    return held


def core_s(processes: list[int]) -> float:
    """Seconds that a core has worked for them, and for those of their children that ended."""
    ticks = 0
    for process in processes:
        numbers = read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, numbers[11:15]))  # utime, stime, and both of the children; proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def read(file: Path) -> str:
    """Of /proc; empty if the process has ended."""
    try:
        return file.read_text()
    except OSError:
        return ""
