"""Fake phones behind a real adb server."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_phone import FakePhone
from support.phones import QUICK, connect, result_json, script_bundle

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.native.build import RunnerBundle
from tiny_audio_ssl.bench.native.options import RunnerJob, RunnerOptions
from tiny_audio_ssl.bench.phone.run import run_on_phones


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A separate adb server: another port, key and log than the user's, and no emulators."""
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
    """Make phones and connect them; afterwards nothing may run on them, and no file may be left."""
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


@pytest.fixture
def job(tmp_path: Path) -> RunnerJob:
    """An artifact and its input, whose contents the scripts do not read."""
    (tmp_path / "a b.onnx").write_bytes(b"artifact")
    (tmp_path / "sound.f32").write_bytes(bytes(64))
    return RunnerJob(tmp_path / "a b.onnx", tmp_path / "sound.f32", RunnerOptions(runs=5))


@pytest.fixture
def script_runner(tmp_path: Path) -> RunnerBundle:
    """A runner that prints its JSON if it finds its files; with --seconds it runs for long."""
    script = f"""
echo "$0 $*" >&2
[ "$LD_LIBRARY_PATH" = . ] && [ -s libfirst.so ] && [ -s "$1" ] && [ -s "$3" ] || exit 2
case "$*" in *--seconds*) /bin/sleep 600;; esac
echo '{result_json()}'"""
    return script_bundle(tmp_path / "script", script)


@pytest.fixture
def failing(tmp_path: Path, job: RunnerJob) -> Callable[..., str]:
    """Run the job with a script as its runner; return the error's message."""

    def message(script: str, **settings: float) -> str:
        bundle = script_bundle(tmp_path / "failing", script)
        with pytest.raises(UserError) as raised:
            run_on_phones([job], {"onnxruntime": bundle}, replace(QUICK, **settings))
        return str(raised.value)

    return message
