"""Connect a fake phone to the adb server, and wait for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from support.fake_adbd import FakePhone

from tiny_audio_ssl.bench.phone import adb


def connect(phone: FakePhone, state: str = "device") -> None:
    """`adb connect`, until it is listed in that state; for one that says nothing that is early."""
    connecting = subprocess.Popen(["adb", "connect", phone.serial], stdout=subprocess.DEVNULL)
    until(lambda: adb.Attached(phone.serial, state) in adb.attached())
    connecting.kill()
    connecting.wait()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
