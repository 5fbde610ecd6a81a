"""Fake phones behind a real adb server."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.fake_adbd import FakePhone
from support.phones import connect


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An adb server of our own: another port, key and log than the user's; no emulators sought."""
    home = str(tmp_path_factory.mktemp("home"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
        for name in ("ANDROID_SERIAL", "ADB_VENDOR_KEYS", "ADB_SERVER_SOCKET"):
            patch.delenv(name, raising=False)
        own = {"HOME": home, "TMPDIR": home, "ADB_LOCAL_TRANSPORT_MAX_PORT": "5554"}
        subprocess.run(["adb", "start-server"], check=True, env=os.environ | own)
        yield
        subprocess.run(["adb", "kill-server"], check=True)


@pytest.fixture
def plug(server: None, tmp_path: Path) -> Iterator[Callable[..., FakePhone]]:
    """Makes phones and connects them; afterwards nothing may run or lie on them, or here."""
    phones: list[FakePhone] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def plugged(*arguments: str, state: str = "device", **faults: object) -> FakePhone:
        phone = FakePhone(tmp_path / f"phone{len(phones)}", *arguments)
        phones.append(phone)
        for name, value in faults.items():
            assert hasattr(phone, name)
            setattr(phone, name, value)
        connect(phone, state)
        return phone

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(scratch))
        yield plugged
    for phone in phones:
        subprocess.run(["adb", "disconnect", phone.serial], capture_output=True)
        phone.close()
        assert list(phone.temporary.iterdir()) == []
        assert phone.running() == []
    assert list(scratch.iterdir()) == []
