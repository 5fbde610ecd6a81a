"""Jobs in forked processes: isolated from each other, from the server, and from its parent."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from flwr.supercore.exit import exit_handler
from support.waiting import wait_for

from tiny_audio_ssl.federated.fork_server import IDLE_S, ForkServer


@pytest.fixture
def server() -> Iterator[Callable[..., ForkServer]]:
    """Make fork servers that end with the test."""
    made: list[ForkServer] = []

    def make(
        run: Callable[[Path], object], modules: Sequence[str] = (), idle_s: float = IDLE_S
    ) -> ForkServer:
        made.append(ForkServer(run, modules, idle_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ids(path: Path) -> None:
    """Write the ids of a child and of its parent, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(f"{os.getpid()} {os.getppid()}")
    part.rename(path)


def result_of(server: ForkServer, path: Path) -> str:
    server.start(path)
    wait_for(path.exists)
    return path.read_text()


def test_each_job_has_a_process_of_its_own(server, tmp_path):
    forks = server(ids)
    child = forks.start(tmp_path / "a")
    wait_for((tmp_path / "a").exists)
    assert (tmp_path / "a").read_text() == f"{child} {forks.pid}"
    assert result_of(forks, tmp_path / "b").split()[1] == str(forks.pid)
    assert len({os.getpid(), forks.pid, child}) == 3


def test_a_job_that_crashes_harms_no_other(server, tmp_path):
    def run(path: Path) -> None:
        if path.name == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if path.name == "error":
            raise ValueError("an error of the app")
        ids(path)

    forks = server(run)
    first = result_of(forks, tmp_path / "a").split()[1]
    forks.start(tmp_path / "crash")
    forks.start(tmp_path / "error")
    assert result_of(forks, tmp_path / "b").split()[1] == first


def test_jobs_find_the_modules_and_leave_no_trace(server, tmp_path, monkeypatch):
    (tmp_path / "counted.py").write_text("import os\nimported_by = os.getpid()\njobs = 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    def run(path: Path) -> None:
        counted = sys.modules["counted"]
        counted.jobs += 1
        path.with_suffix(".part").write_text(f"{counted.imported_by} {counted.jobs}")
        path.with_suffix(".part").rename(path)

    forks = server(run, modules=("counted", "no_such_module"))
    found = [result_of(forks, tmp_path / name) for name in "ab"]
    assert found == [f"{forks.pid} 1"] * 2
    assert "counted" not in sys.modules


def test_jobs_draw_other_random_numbers_and_forget_the_parents_handlers(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr(exit_handler, "registered_exit_handlers", [])
    exit_handler.add_exit_handler(lambda: None)
    before = signal.signal(signal.SIGTERM, lambda *_: None)

    def run(path: Path) -> None:
        left = len(exit_handler.registered_exit_handlers)
        is_default = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        path.with_suffix(".part").write_text(f"{left} {is_default} {np.random.rand()}")
        path.with_suffix(".part").rename(path)

    try:
        forks = server(run)
        found = [result_of(forks, tmp_path / name).split() for name in "ab"]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [line[:2] for line in found] == [["0", "True"]] * 2
    assert found[0][2] != found[1][2]


@pytest.mark.parametrize("how", ["idle", "killed"])
def test_a_server_that_has_ended_is_started_again(how, server, tmp_path):
    forks = server(ids, idle_s=0.05 if how == "idle" else 600.0)
    first = result_of(forks, tmp_path / "a").split()[1]
    assert int(first) == forks.pid
    if how == "killed":
        os.kill(forks.pid, signal.SIGKILL)
    os.waitid(os.P_PID, forks.pid, os.WEXITED | os.WNOWAIT)
    second = result_of(forks, tmp_path / "b").split()[1]
    assert second != first and int(second) == forks.pid


def test_ctrl_c_ends_a_server_without_a_traceback(server, tmp_path, capfd):
    forks = server(ids)
    result_of(forks, tmp_path / "a")
    os.kill(forks.pid, signal.SIGINT)
    ended = os.waitid(os.P_PID, forks.pid, os.WEXITED | os.WNOWAIT)
    assert ended and ended.si_status == 130
    assert capfd.readouterr().err == ""


def test_an_idle_server_waits_for_its_children(server, tmp_path):
    def run(path: Path) -> None:
        wait_for((tmp_path / "go").exists)
        ids(path)

    forks = server(run, idle_s=0.05)
    forks.start(tmp_path / "a")
    assert os.waitpid(forks.pid, os.WNOHANG) == (0, 0)
    (tmp_path / "go").touch()
    wait_for((tmp_path / "a").exists)
    os.waitid(os.P_PID, forks.pid, os.WEXITED | os.WNOWAIT)
