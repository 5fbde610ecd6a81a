"""Phones over adb: Debian's client, the real protocol, and a phone that is a folder here.

Times are never looked at, since emulated ones mean nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.fake_adbd import FakePhone
from support.phones import connect, until
from support.runs import make_run

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.native import Bundle, build
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.phone import app as phone_app
from tiny_audio_ssl.bench.phone.adb import Phone, PhoneTooSlow
from tiny_audio_ssl.bench.phone.on_phone import Job, Plan, measure
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.runtimes import open_artifact
from tiny_audio_ssl.models.encoders import EncoderConfig

QUICK = Plan(rounds=2, max_rounds=3, cool_down_s=0, throttled_s=0, return_s=5, run_s=20)
JSON = {
    "runtime": "onnxruntime", "runtime_version": "1.0", "artifact": "a.onnx", "abi": "arm64-v8a",
    "cpu_model": "toy", "threads": 1, "cpus": None, "stream": False, "load_ms": 3.0,
    "first_ms": 2.0, "runs": 5, "p50_ms": 1.0, "p90_ms": 1.5, "p99_ms": 2.0, "min_ms": 0.5,
    "mean_ms": 1.1, "samples_ms": [1.0, 1.0], "peak_rss_kb": 100, "checksum": "00ff",
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    not os.environ.get("CI") and not shutil.which("adb"), reason="apt-get install adb"
)


@contextmanager
def coming_back(phone: FakePhone) -> Iterator[None]:
    """The phone is plugged in again half a second after it has gone."""

    def return_later() -> None:
        phone.gone.wait(30)
        time.sleep(0.5)
        phone.come_back()
        connect(phone)

    returning = threading.Thread(target=return_later)
    returning.start()
    yield
    returning.join()


def bundle_of(folder: Path, script: str) -> Bundle:
    """A runner that is a shell script."""
    folder.mkdir()
    (folder / "runner").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "libfirst.so").write_bytes(bytes(300_000))
    return Bundle(folder, "runner", ("libfirst.so",), None, "arm64-v8a", "onnxruntime", "1.0")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """An artifact, whose content the scripts do not read."""
    (tmp_path / "a b.onnx").write_bytes(b"artifact")
    (tmp_path / "sound.f32").write_bytes(bytes(64))
    return Job(tmp_path / "a b.onnx", audio_ms=975.0, pcm=tmp_path / "sound.f32", runs=5)


@pytest.fixture
def toy(tmp_path: Path) -> Bundle:
    """Prints the JSON if it got what it should; two fast rounds, if asked for more than 5 runs."""
    script = f"""
echo "$0 $*" >&2
[ "$LD_LIBRARY_PATH" = . ] && [ -s libfirst.so ] && [ -s "$1" ] && [ -s "$3" ] || exit 2
case "$*" in *--seconds*) sleep 600;; esac
echo '{json.dumps(JSON)}'"""
    return bundle_of(tmp_path / "toy", script)


@pytest.fixture
def failing(tmp_path: Path, job: Job) -> Callable[..., str]:
    """Measures with a runner that is this script; gives the error's message."""

    def message(script: str, **plan: float) -> str:
        bundle = bundle_of(tmp_path / "failing", script)
        with pytest.raises(UserError) as raised:
            measure([job], {"onnxruntime": bundle}, plan=replace(QUICK, **plan))
        return str(raised.value)

    return message


# The client


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


def test_files_to_and_fro(plug, tmp_path):
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


def test_a_phone_that_asks_remembers_whom_its_user_allowed(plug):
    fake = plug(asks="allow")
    assert Phone(fake.serial).shell("echo hi").out == "hi\n"
    subprocess.run(["adb", "disconnect", fake.serial], check=True, capture_output=True)
    fake.asks = "ignore"
    connect(fake)
    assert Phone(fake.serial).here()


def test_which_phones(plug):
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
    with pytest.raises(PhoneTooSlow, match=r"did not end within 0\.3 s"):
        Phone(fake.serial).shell("sleep 5", timeout_s=0.3)


# Measuring


def test_all_phones_are_measured_and_cleaned(plug, job, toy):
    new, old = plug(), plug("nexus-5x-android-6")
    stale = new.temporary / "tiny-audio-ssl-stale"
    stale.mkdir()
    os.utime(stale, (0, 0))
    said: list[str] = []
    rows = measure(
        [job, replace(job, threads=2)], {"onnxruntime": toy}, plan=QUICK, say=said.append
    )
    by_phone = {row.phone.serial: row for row in rows}
    assert len(rows) == 4 and by_phone.keys() == {new.serial, old.serial}
    row = by_phone[new.serial]
    assert (row.phone.model, row.through, row.artifact) == ("Google Pixel 6", "runner", "a b.onnx")
    assert (row.p50_ms, row.min_ms, row.runs, row.peak_rss_kb) == (1.0, 0.5, 5, 100)
    assert row.rounds_p50_ms == (1.0, 1.0) and row.steady and row.spread == 0.0
    assert row.real_time_factor == pytest.approx(1 / 975)
    assert row.samples_ms == (1.0,) * 4
    assert row.before.battery.level_percent == 81 and row.after.screen_on
    assert row.energy is None and row.energy_note == "not asked for"
    assert any("round 2" in line for line in said)


def test_one_phone_of_two(plug, job, toy):
    plug()
    second = plug()
    rows = measure([job], {"onnxruntime": toy}, serial=second.serial, plan=QUICK)
    assert [row.phone.serial for row in rows] == [second.serial]


def test_rounds_until_they_agree_or_it_says_not(plug, job, tmp_path):
    plug()
    count = tmp_path / "count"
    medians = json.dumps(JSON).replace('"p50_ms": 1.0', "\"p50_ms\": '$n'")
    script = f"echo >>{count}; n=$(wc -l <{count}); [ $n -gt 2 ] && n=3; echo '{medians}'"
    bundles = {"onnxruntime": bundle_of(tmp_path / "first", script)}
    (row,) = measure([job], bundles, plan=QUICK)
    assert row.rounds_p50_ms == (1, 2, 3) and not row.steady
    assert row.spread == pytest.approx(1 / 2.5)
    count.unlink()
    (row,) = measure([job], bundles, plan=replace(QUICK, max_rounds=9))
    assert row.rounds_p50_ms == (1, 2, 3, 3) and row.steady and row.p50_ms == 3


def test_energy_where_no_cable_feeds_the_phone(plug, job, toy):
    plug("galaxy-s9-android-10")
    (row,) = measure([job], {"onnxruntime": toy}, plan=replace(QUICK, energy_s=1))
    assert row.energy_note is None and row.energy.source == "current"
    assert row.energy.idle_mw == pytest.approx(250 * 4.0)  # 250 mA idle, 650 busy, at 4 V
    assert row.energy.busy_mw == pytest.approx(650 * 4.0)
    assert row.energy.mwh_per_hour_listening == pytest.approx(400 * 4.0 / 975)


def test_no_energy_on_the_cable(plug, job, toy):
    plug()
    (row,) = measure([job], {"onnxruntime": toy}, plan=replace(QUICK, energy_s=1))
    assert row.energy is None and "a cable feeds the phone" in row.energy_note


def test_the_app_is_measured_where_it_is_installed(plug, job, toy, monkeypatch):
    fake, push, pushed = plug(), adb.Phone.push, []
    job.artifact.with_name("manifest.json").write_text("{}")

    def recorded(phone, files, folder):
        pushed.extend((file.name, folder.startswith(phone_app.FILES)) for file in files)
        return push(phone, files, folder)

    monkeypatch.setattr(adb.Phone, "push", recorded)
    (fake.root / "app.json").write_text(json.dumps(JSON | {"p50_ms": 7.0}))
    rows = measure([job], {"onnxruntime": toy}, plan=QUICK)
    assert [(row.through, row.p50_ms) for row in rows] == [("runner", 1.0), ("app", 7.0)]
    assert ("manifest.json", True) in pushed and ("manifest.json", False) not in pushed
    started = (fake.root / "am.log").read_text().splitlines()[0]
    assert f"start -n {phone_app.ACTIVITY} --es artifact" in started
    assert started.endswith("a b.onnx --ei runs 5 --ei threads 1 --es engine onnxruntime")
    assert [path for path in (fake.root / "sdcard").rglob("*") if path.is_file()] == []


def test_an_app_that_fails_leaves_the_runners_rows(plug, job, toy):
    fake = plug()
    said: list[str] = []
    (fake.root / "app.json").write_text("nonsense")
    rows = measure([job], {"onnxruntime": toy}, plan=replace(QUICK, run_s=2), say=said.append)
    assert "the app wrote no JSON: 'nonsense" in said[-1] and "unlock the phone" in said[-1]
    (fake.root / "no-activity").touch()
    rows += measure([job], {"onnxruntime": toy}, plan=QUICK, say=said.append)
    assert "BenchmarkActivity can't be started" in said[-1] and "does not exist" in said[-1]
    assert [row.through for row in rows] == ["runner", "runner"]
    assert [path for path in (fake.root / "sdcard").rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=0.25), recordings=4)
    return export(run, precision="fp32", input="waveform", parity=False).folder


@pytest.mark.skipif(
    not os.environ.get("CI")
    and not all(
        map(shutil.which, ("qemu-aarch64-static", "aarch64-linux-gnu-g++", "cmake", "npm"))
    ),
    reason="apt-get install qemu-user-static g++-aarch64-linux-gnu cmake make npm",
)
@pytest.mark.parametrize("name", ["encoder.waveform.fp32.pte", "encoder.waveform.fp32.onnx"])
def test_the_runner_gives_the_hosts_embedding_on_the_phone(plug, artifacts, tmp_path, name):
    fake = plug()
    window = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 15600)).astype("<f4")
    (tmp_path / "sound.f32").write_bytes(window.tobytes())
    job = Job(artifacts / name, 975.0, tmp_path / "sound.f32", runs=1, warm_up=0, embedding=True)
    bundles = {job.runtime: build(job.runtime, "aarch64-linux")}
    (row,) = measure([job], bundles, plan=replace(QUICK, rounds=1, max_rounds=1, run_s=120))
    expected = open_artifact(job.artifact)(window)[0]
    np.testing.assert_allclose(row.output, np.ravel(expected), atol=1e-4 * np.abs(expected).max())
    assert (row.runtime, row.abi, row.runs) == (job.runtime, "arm64-v8a", 1)
    assert len((fake.root / "started").read_text().split()) == 1


# What goes wrong


def test_full_storage(plug, failing):
    plug(free_bytes=100_000)
    message = failing("exit 0")
    assert "its storage is full; free at least 0.3 MB there" in message


def test_another_processor(plug, job, toy):
    fake = plug()
    with pytest.raises(UserError, match=r"runs arm64-v8a, armeabi-v7a, .*built for x86_64"):
        measure([job], {"onnxruntime": replace(toy, abi="x86_64")}, plan=QUICK)
    shutil.copy("/bin/true", toy.folder / "runner")  # says arm64-v8a but is not
    if os.uname().machine == "x86_64":
        with pytest.raises(UserError, match=r"can't be started .*126.*not executable: 64-bit"):
            measure([job], {"onnxruntime": toy}, plan=QUICK)
    assert fake.running() == []


@pytest.mark.parametrize("kind", ["pixel-6-android-14", "nexus-5x-android-6"])
def test_crash_and_exit_codes(plug, failing, tmp_path, kind):
    plug(kind)
    assert "the runner crashed (SIGSEGV)" in failing("kill -SEGV $$")
    shutil.rmtree(tmp_path / "failing")
    message = failing("echo 'a.onnx: no such operator' >&2; exit 2")
    assert "does not take these arguments or this artifact (exit code 2)" in message
    assert message.endswith("a.onnx: no such operator")


def test_garbage_instead_of_json(plug, failing, tmp_path):
    plug()
    assert "the runner printed no JSON: 'WARNING" in failing("echo WARNING: linker; echo '{}'")
    shutil.rmtree(tmp_path / "failing")
    assert "the runner printed nothing; its errors: oh" in failing("echo oh >&2")
    shutil.rmtree(tmp_path / "failing")
    assert "the runner printed no abi, artifact" in failing("""echo '{"p50_ms": 1}'""")


def test_a_run_that_does_not_end_is_ended(plug, failing):
    fake = plug()
    message = failing("sleep 600", run_s=1)
    assert "a b.onnx did not end within 1 s; ask for fewer runs" in message
    assert fake.running() == []


def test_gone_while_files_are_copied(plug, failing):
    fake = plug(goes_after_bytes=200_000)
    with coming_back(fake):
        message = failing("exit 0")
    assert "the phone went away while files were copied" in message
    assert "to remove what is left" not in message


def test_gone_while_it_runs(plug, failing):
    fake = plug(goes_at="wait $!")
    with coming_back(fake):
        message = failing("sleep 600")
    assert "the phone went away while it ran" in message
    assert fake.running() == []


def test_gone_for_good(plug, failing):
    fake = plug(goes_at="wait $!")
    message = failing("sleep 2", return_s=0.5)
    assert "the phone went away" in message
    told = re.search(r"to remove what is left, type: (adb .*)$", message)
    fake.come_back()
    connect(fake)
    until(lambda: fake.running() == [])
    subprocess.run(told[1].split(), check=True)


def test_the_others_are_kept_where_one_fails(plug, job, toy):
    good, bad = plug(), plug(free_bytes=0)
    said: list[str] = []
    rows = measure([job], {"onnxruntime": toy}, plan=QUICK, say=said.append)
    assert [row.phone.serial for row in rows] == [good.serial]
    assert any(bad.serial in line and "storage is full" in line for line in said)


def test_interrupted(plug, job, toy, monkeypatch):
    def interrupt(self, *arguments):
        raise KeyboardInterrupt

    plug()
    monkeypatch.setattr("tiny_audio_ssl.bench.phone.runner.RunnerOnPhone.run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure([job], {"onnxruntime": toy}, plan=QUICK)
