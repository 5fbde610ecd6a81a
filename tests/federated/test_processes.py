"""Flower's real processes: a simulation, a deployment with TLS, kills, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
from support.federated_grid import TINY, federate

from tiny_audio_ssl.audio import synthetic as sounds
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.loopback import Deployment, deployment
from tiny_audio_ssl.federated.orphan_guard import marked
from tiny_audio_ssl.federated.processes import tail
from tiny_audio_ssl.federated.server_loop import DEVICES
from tiny_audio_ssl.federated.simulate import LOG, finished, last_round, simulate
from tiny_audio_ssl.models import checkpoint

PATIENCE_S = 240  # of a busy machine


def wait_for(what: Callable[[], Any], said: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


def homes() -> set[Path]:
    return set(Path("/tmp").glob("flwr-*"))


def test_a_killed_parent_leaves_no_process_and_no_folder():
    """With SIGKILL, which nothing can be done about in the process itself."""
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from tiny_audio_ssl.federated.processes import home\n"
        "with home() as place:\n"
        "    child = 'import os, time; os.fork(); time.sleep(600)'\n"
        "    place.start([sys.executable, '-c', child], place.folder / 'log')\n"
        "    print(place.folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    home = parent.stdout.readline().strip()
    wait_for(lambda: len(marked(home)) == 2)
    parent.kill()
    parent.wait()
    wait_for(lambda: not marked(home) and not Path(home).exists())


def test_a_simulation_gives_what_a_loop_gives(tmp_path):
    before = homes()
    settings = {**TINY, "evaluate_every": 2, "dropout": 0.2, "encoding": "int8"}
    config = FederatedConfig(out=str(tmp_path / "simulated"), **settings)
    seen: list[int] = []
    folder = simulate(config, workers=1, report=lambda number, values: seen.append(number))
    assert seen == [1, 2] and homes() == before
    federate(tmp_path / "loop", **settings)
    loop = checkpoint.locate(tmp_path / "loop")
    assert (folder / checkpoint.MODEL).read_bytes() == (loop / checkpoint.MODEL).read_bytes()
    with pytest.raises(UserError, match="holds a run already"):
        simulate(config)


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder of recordings for each of two devices, and the server's cache."""
    os.environ["TINY_AUDIO_SSL_CACHE"] = str(tmp_path_factory.getbasetemp() / "cache")
    folders = [tmp_path_factory.mktemp(f"device-{i}") for i in range(2)]
    for seed, folder in enumerate(folders):
        for label in sounds.SOUNDS:
            soundfile.write(folder / f"{label}.wav", sounds.make(label, seed), SAMPLE_RATE_HZ)
    return folders


def settings_of_a_deployment(run: Path) -> FederatedConfig:
    own = {"clients": 2, "rounds": 3, "min_clients": 1, "evaluate_every": 0, "source": "builtin"}
    return FederatedConfig(out=str(run), **{**TINY, **own, "secure_aggregation": False})


def test_a_deployment_survives(devices, tmp_path):
    """One server, two devices and a stranger; then the SuperLink is killed, then a device hangs."""
    before = homes()
    run = tmp_path / "run"
    config = settings_of_a_deployment(run)
    with deployment() as place:
        for folder in devices:
            place.add_device(folder)
        stranger = place.add_device(devices[0], register=False)
        app = place.home.run_app(config, run / LOG)
        wait_for(lambda: last_round(run)[0] >= 1, lambda: everything(place, run))
        assert stranger.poll() and "Failed to activate SuperNode" in log_of(place, 2)

        place.superlink.send_signal(signal.SIGKILL)
        wait_for(lambda: app.poll() is not None)
        done = last_round(run)[0]
        assert 1 <= done < 3
        kept = (checkpoint.locate(run) / checkpoint.MODEL).read_bytes()

        place.start_superlink()
        again = replace(config, resume=True, round_timeout_s=60.0)
        app = place.home.run_app(again, run / LOG)
        wait_for(lambda: last_round(run)[0] == 2, lambda: everything(place, run))
        place.devices[0].send_signal(signal.SIGSTOP)
        wait_for(lambda: app.poll() is not None, lambda: everything(place, run))
        finished(again, run / LOG)
        place.devices[0].send_signal(signal.SIGCONT)
    lines = [json.loads(line) for line in (run / DEVICES).read_text().splitlines()]
    assert [line["round"] for line in lines] == [1, 1, 2, 2, 3, 3]
    silent = [line for line in lines if "left_out" in line]
    assert [line["round"] for line in silent] == [3] and "no answer" in silent[0]["left_out"]
    first = run / "checkpoints" / f"step-{done:08d}" / checkpoint.MODEL
    assert not first.exists() or first.read_bytes() == kept
    assert homes() == before


def log_of(place: Deployment, number: int) -> str:
    return place.device_log(number).read_text()


def everything(place: Deployment, run: Path) -> str:
    logs = [run / LOG, place.home.folder / "superlink.log", *map(place.device_log, range(3))]
    return "\n".join(f"== {log.name}\n{tail(log)}" for log in logs)
