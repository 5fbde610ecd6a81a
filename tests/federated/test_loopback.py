"""A real deployment: TLS, registered keys, a killed server, a client that hangs."""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.federated_grid import TINY, records
from support.killing import kill_with_children
from support.waiting import wait_for

from tiny_audio_ssl.audio import synthetic
from tiny_audio_ssl.federated.client_log import CLIENTS
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.loopback import SUPERNODE, Deployment, deployment
from tiny_audio_ssl.federated.processes import log_tail
from tiny_audio_ssl.federated.run_files import run_log
from tiny_audio_ssl.federated.simulate import finished_run, last_round
from tiny_audio_ssl.models import checkpoint

HANGING_SUPERNODE = Path(__file__).parents[1] / "support" / "hanging_supernode.py"
SETTINGS = {**TINY, "clients": 2, "min_clients": 1, "evaluate_every": 0, "local_steps": 1}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Recordings of two clients."""
    folder = tmp_path_factory.mktemp("recordings")
    return [synthetic.write(folder / str(seed), per_class=1, seed=seed) for seed in range(2)]


def test_deployment_survives_a_killed_server_and_a_hanging_client(folders, tmp_path):
    """In round 1, a client without a registered key is refused. Then the SuperLink is killed; both
    clients connect again when it is back, and one hangs in round 2. In round 3 the SuperLink is
    killed with the ServerApp that it has started, as systemd does, and what was saved stays."""
    run = tmp_path / "run"
    log = run_log(run)
    hang = tmp_path / "hang"
    config = FederatedConfig(out=str(run), **{**SETTINGS, "rounds": 1})
    with deployment() as place:
        place.supernode_program = (sys.executable, str(HANGING_SUPERNODE), str(hang))
        hanging = place.add_supernode(folders[0])
        place.supernode_program = SUPERNODE
        place.add_supernode(folders[1])
        stranger = place.add_supernode(folders[0], register=False)
        app = place.home.run_app(config, log)
        wait_for(lambda: app.poll() is not None, lambda: all_logs(place, run))
        assert last_round(run)[0] == 1
        assert stranger.poll() and "Failed to activate SuperNode" in log_of(place, 2)
        kept = (checkpoint.locate(run) / checkpoint.MODEL).read_bytes()

        kill_with_children(place.superlink)
        place.start_superlink()
        hang.touch()
        # Enough for the other client, as fast or slow as this machine is.
        timeout_s = 3 * records(run)[0]["speed/round_s"]
        resumed = replace(config, resume=True, rounds=2, round_timeout_s=timeout_s)
        app = place.home.run_app(resumed, log)
        wait_for(lambda: app.poll() is not None, lambda: all_logs(place, run))
        finished_run(resumed, log)
        hang.unlink()
        hanging.send_signal(signal.SIGCONT)

        saved = (checkpoint.locate(run) / checkpoint.MODEL).read_bytes()
        app = place.home.run_app(replace(resumed, rounds=3), log)
        wait_for(lambda: len(runs_started(log)) == 3, lambda: all_logs(place, run))
        kill_with_children(place.superlink)
        wait_for(lambda: app.poll() is not None, lambda: all_logs(place, run))
        assert last_round(run)[0] == 2
        assert (checkpoint.locate(run) / checkpoint.MODEL).read_bytes() == saved
        home = place.home.folder
    lines = records(run, CLIENTS)
    assert [line["round"] for line in lines] == [1, 1, 2, 2]
    silent = [line for line in lines if "left_out" in line]
    assert [line["round"] for line in silent] == [2] and "no answer" in silent[0]["left_out"]
    first = run / "checkpoints" / "step-00000001" / checkpoint.MODEL
    assert first.read_bytes() == kept
    assert not home.exists()


def runs_started(log: Path) -> list[str]:
    """Return the ids of the runs that `flwr run` has started."""
    return re.findall(r"Successfully started run (\d+)", log.read_text())


def log_of(place: Deployment, number: int) -> str:
    return place.supernode_log(number).read_text()


def all_logs(place: Deployment, run: Path) -> str:
    logs = [run_log(run), place.home.folder / "superlink.log"]
    logs += [place.supernode_log(number) for number in range(3)]
    return "\n".join(f"== {log.name}\n{log_tail(log)}" for log in logs)
