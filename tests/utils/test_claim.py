"""A folder belongs to one process at a time, and to nobody when its owner is dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from tiny_audio_ssl import UserError
from tiny_audio_ssl.utils.claim import CLAIM, claimed, claimed_target

# Takes the folder, starts a child as PyTorch's loader does, and waits to be killed.
OWNER = """
import os, sys, time
from pathlib import Path
from tiny_audio_ssl.utils.claim import claimed
with claimed(Path(sys.argv[1])):
    if os.fork():
        print("taken", flush=True)
    time.sleep(20)
"""
# Takes the folder at the same moment as others do, keeps it for long, and says whether it had it.
RACER = """
import sys, time
from pathlib import Path
from tiny_audio_ssl import UserError
from tiny_audio_ssl.utils.claim import claimed
print("ready", flush=True)
sys.stdin.readline()
try:
    with claimed(Path(sys.argv[1])):
        print("taken", flush=True)
        time.sleep(1.5)
except UserError:
    print("refused", flush=True)
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)


def test_a_second_owner_is_refused_and_told_of_the_first(tmp_path):
    with claimed(tmp_path / "run"):
        told = rf"in use by process {os.getpid()} on "
        with pytest.raises(UserError, match=told), claimed(tmp_path / "run"):
            pass
        refused: list[str] = []

        def take() -> None:
            try:
                with claimed(tmp_path / "run"):
                    pass
            except UserError as error:
                refused.append(str(error))

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        assert len(refused) == 1
        (tmp_path / "run" / "file").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["file"]


@pytest.mark.parametrize("take", [claimed, claimed_target])
def test_a_failed_owner_leaves_nothing(take, tmp_path):
    with pytest.raises(RuntimeError), take(tmp_path / "run"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_the_claim_of_a_dead_owner_is_void_though_its_child_lives(tmp_path):
    owner = start(OWNER, tmp_path / "run")
    try:
        assert owner.stdout and owner.stdout.readline() == "taken\n"
        with pytest.raises(UserError, match=f"process {owner.pid}"), claimed(tmp_path / "run"):
            pass
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        assert (tmp_path / "run" / CLAIM).exists()
        with claimed(tmp_path / "run"):
            pass
    finally:
        os.killpg(owner.pid, signal.SIGKILL)


def test_of_several_that_start_together_one_has_the_folder(tmp_path):
    racers = [start(RACER, tmp_path / "run") for _ in range(4)]
    for racer in racers:
        assert racer.stdout and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)
    assert said == ["refused", "refused", "refused", "taken"]


def test_a_claim_that_its_owner_removed_meanwhile_is_taken_again(tmp_path, monkeypatch):
    """Between opening the file and locking it."""
    acquire, removed = FileLock.acquire, []

    def slow_acquire(lock, *arguments, **options):
        found = acquire(lock, *arguments, **options)
        if not removed:
            removed.append(lock.lock_file)
            os.unlink(lock.lock_file)
        return found

    monkeypatch.setattr(FileLock, "acquire", slow_acquire)
    with claimed(tmp_path):
        assert removed and (tmp_path / CLAIM).exists()
        with pytest.raises(UserError, match="in use by process"), claimed(tmp_path):
            pass


def test_a_leftover_claim_with_any_content_is_no_hindrance(tmp_path):
    (tmp_path / CLAIM).write_text("{")
    began = time.monotonic()
    with claimed(tmp_path):
        pass
    assert time.monotonic() - began < 5
