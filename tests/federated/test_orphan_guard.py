"""The guard ends all processes of a Flower home when their parent is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.waiting import wait_for

from tiny_audio_ssl.federated.orphan_guard import processes_of

SCRIPT = """
import sys, time
from tiny_audio_ssl.federated.processes import flower_home
with flower_home() as home:
    child = 'import os, time; os.fork(); time.sleep(600)'
    home.start([sys.executable, '-c', child], home.folder / 'log')
    print(home.folder, flush=True)
    time.sleep(600)
"""


def test_killed_parent_leaves_no_process_and_no_folder():
    """SIGKILL is the signal that a process can't react to."""
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    home = parent.stdout.readline().strip()
    wait_for(lambda: len(processes_of(home)) == 2)
    parent.kill()
    parent.wait()
    wait_for(lambda: not processes_of(home) and not Path(home).exists())
