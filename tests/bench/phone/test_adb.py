"""The adb client with Debian's adb, the real protocol, and a phone that is a folder here."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from support.phones import connect, needs_adb

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.phone.adb import Phone, PhoneTimeoutError

pytestmark = needs_adb


@pytest.mark.parametrize("kind", ["pixel-6-android-14", "nexus-5x-android-6"])
def test_shell_with_and_without_shell_v2(plug, kind):
    fake = plug(kind)
    phone = Phone(fake.serial)
    assert phone.shell("echo hello; exit 7  # why").code == 7
    assert phone.shell("printf 'a\\nb'").out == "a\nb"
    assert phone.shell("sh -c 'kill -SEGV $$'").code == 128 + 11
    failed = phone.shell("cat nothing")
    assert failed.code == 1 and "No such file" in (failed.err if fake.shell_v2 else failed.out)
    assert bool(failed.err) == fake.shell_v2


def test_files_are_pushed_and_pulled(plug, tmp_path):
    fake = plug()
    phone = Phone(fake.serial)
    for name, size in (("empty", 0), ("a b'c", 3), ("large", 2_000_000)):
        (tmp_path / name).write_bytes(os.urandom(size))
        phone.push([tmp_path / name], "/data/local/tmp")
        assert (fake.temporary / name).read_bytes() == (tmp_path / name).read_bytes()
        phone.pull(f"/data/local/tmp/{name}", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == (tmp_path / name).read_bytes()
        (fake.temporary / name).unlink()
    with pytest.raises(UserError, match=r"No such file|does not exist"):
        phone.pull("/data/local/tmp/nothing", tmp_path / "nothing")
    with pytest.raises(UserError, match="adb failed while files"):
        phone.push([tmp_path / "large"], "/data/local/tmp/nowhere")


def test_a_phone_remembers_an_allowed_computer(plug):
    fake = plug(asks="allow")
    assert Phone(fake.serial).shell("echo hi").out == "hi\n"
    subprocess.run(["adb", "disconnect", fake.serial], check=True, capture_output=True)
    fake.asks = "ignore"
    connect(fake)
    assert Phone(fake.serial).is_ready()


def test_phones_are_chosen_by_serial_or_all(plug):
    with pytest.raises(UserError, match="no phone is attached"):
        adb.choose(None, print)
    first, second = plug(), plug("nexus-5x-android-6")
    ignored = plug(state="unauthorized", asks="ignore")
    warnings: list[str] = []
    assert {phone.serial for phone in adb.choose(None, warnings.append)} == {
        first.serial, second.serial,
    }  # fmt: skip
    assert len(warnings) == 1 and ignored.serial in warnings[0] and "allow" in warnings[0]
    assert adb.choose(second.serial, print) == [Phone(second.serial)]
    with pytest.raises(UserError, match=f"'XYZ'.*{re.escape(first.serial)} .device"):
        adb.choose("XYZ", print)
    with pytest.raises(UserError, match="unauthorized: unlock the phone"):
        adb.choose(ignored.serial, print)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_SERIAL", first.serial)
        assert adb.choose(None, print) == [Phone(first.serial)]


def test_an_offline_phone(plug):
    plug(state="offline", silent=True)
    with pytest.raises(UserError, match="is offline: unplug"):
        adb.choose(None, print)


def test_without_adb(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="adb is not installed: apt-get install adb"):
        adb.choose(None, print)


def test_a_command_that_does_not_end(plug):
    fake = plug()
    with pytest.raises(PhoneTimeoutError, match=r"did not end within 0\.3 s"):
        Phone(fake.serial).shell("sleep 5", timeout_s=0.3)
