"""Fake phones at the adb server, and runners for them that are shell scripts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from support.fake_phone import FakePhone
from support.measurements import RESULT

from tiny_audio_ssl.bench.native.build import RunnerBundle
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.settings import PhoneSettings

needs_adb = pytest.mark.skipif(
    not os.environ.get("CI") and not shutil.which("adb"), reason="apt-get install adb"
)
QUICK = PhoneSettings(
    agreeing_rounds=2,
    max_rounds=3,
    cool_down_s=0,
    throttle_wait_s=0,
    reconnect_s=5,
    run_timeout_s=20,
)


def connect(phone: FakePhone, state: str = "device") -> None:
    """Connect a phone and wait until it is listed in that state; a silent one is listed early."""
    connecting = subprocess.Popen(["adb", "connect", phone.serial], stdout=subprocess.DEVNULL)
    wait_until(lambda: adb.AttachedPhone(phone.serial, state) in adb.attached())
    connecting.kill()
    connecting.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail after 30 s."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def coming_back(phone: FakePhone) -> Iterator[None]:
    """Connect the phone again half a second after it was disconnected."""

    def return_later() -> None:
        phone.gone.wait(30)
        time.sleep(0.5)
        phone.come_back()
        connect(phone)

    returning = threading.Thread(target=return_later)
    returning.start()
    yield
    returning.join()


def script_bundle(folder: Path, script: str) -> RunnerBundle:
    """Write a bundle whose program is a shell script."""
    folder.mkdir()
    (folder / "runner").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "libfirst.so").write_bytes(bytes(300_000))
    return RunnerBundle(folder, "runner", ("libfirst.so",), None, "arm64-v8a", "onnxruntime", "1.0")


def result_json(**changes: object) -> str:
    """Return the line that a runner prints."""
    return json.dumps(asdict(RESULT) | changes)
