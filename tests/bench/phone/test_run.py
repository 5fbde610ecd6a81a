"""Jobs on all attached phones. Emulated times mean nothing, so none is looked at."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from support.fake_phone import FakePhone
from support.phones import QUICK, needs_adb

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.phone.run import run_on_phones

pytestmark = needs_adb


def test_all_phones_run_all_jobs_and_are_cleaned(plug, job, script_runner):
    new, old = plug(), plug("nexus-5x-android-6")
    stale = new.temporary / "tiny-audio-ssl-stale"
    stale.mkdir()
    os.utime(stale, (0, 0))
    messages: list[str] = []
    jobs = [job, replace(job, options=replace(job.options, threads=2))]
    runs = run_on_phones(jobs, {"onnxruntime": script_runner}, QUICK, progress=messages.append)
    by_phone = {run.phone.serial: run for run in runs}
    assert len(runs) == 4 and by_phone.keys() == {new.serial, old.serial}
    run = by_phone[new.serial]
    assert (run.phone.model, run.program, run.job) == ("Google Pixel 6", "runner", jobs[1])
    assert [result.p50_ms for result in run.results] == [1.0, 1.0]
    assert run.counted == run.results and run.results[0].samples_ms == (0.5, 1.0, 1.0, 1.0, 1.5)
    assert run.steady and run.spread == 0.0
    assert run.before.battery.level_percent == 81 and run.after.screen_on
    assert run.energy is None and run.energy_note == "not requested"
    assert any("round 2" in line for line in messages)


def test_one_phone_by_its_serial(plug, job, script_runner):
    plug()
    second = plug()
    runs = run_on_phones([job], {"onnxruntime": script_runner}, QUICK, second.serial)
    assert [run.phone.serial for run in runs] == [second.serial]


def test_another_processor_is_refused(plug, job, script_runner):
    fake = plug()
    with pytest.raises(UserError, match=r"runs arm64-v8a, armeabi-v7a, .*built for x86_64"):
        run_on_phones([job], {"onnxruntime": replace(script_runner, abi="x86_64")}, QUICK)
    shutil.copy(
        "/bin/true", script_runner.folder / "runner"
    )  # built for another processor than it claims
    if os.uname().machine == "x86_64":
        with pytest.raises(UserError, match=r"can't be started .*126.*not executable: 64-bit"):
            run_on_phones([job], {"onnxruntime": script_runner}, QUICK)
    assert fake.running() == []


def test_a_failing_phone_does_not_stop_the_others(plug, job, script_runner):
    good, bad = plug(), plug(free_bytes=0)
    messages: list[str] = []
    runs = run_on_phones([job], {"onnxruntime": script_runner}, QUICK, progress=messages.append)
    assert [run.phone.serial for run in runs] == [good.serial]
    assert any(bad.serial in line and "storage is full" in line for line in messages)


def test_an_interrupt_cleans_the_phone(plug, job, script_runner, monkeypatch):
    def interrupt(self, *arguments):
        raise KeyboardInterrupt

    plug()
    monkeypatch.setattr("tiny_audio_ssl.bench.phone.runner.PhoneRunner.run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_on_phones([job], {"onnxruntime": script_runner}, QUICK)


def hurry(phone: FakePhone) -> None:
    """Let the phone's `sleep` end after a tenth of a second."""
    sleep = phone.root / "bin" / "sleep"
    sleep.write_text("#!/bin/sh\nexec /bin/sleep 0.1\n")
    sleep.chmod(0o755)


def test_energy_of_an_unplugged_phone(plug, job, script_runner):
    hurry(plug("galaxy-s9-android-10"))
    (run,) = run_on_phones([job], {"onnxruntime": script_runner}, replace(QUICK, energy_s=1))
    assert run.energy_note is None and run.energy.source == "current"
    assert run.energy.idle_mw == pytest.approx(250 * 4.0)  # 250 mA idle, 650 busy, at 4 V
    assert run.energy.busy_mw == pytest.approx(650 * 4.0)
    assert run.energy.mwh_per_hour(0.01) == pytest.approx(400 * 4.0 / 100)


def test_no_energy_estimate_on_a_cable(plug, job, script_runner):
    hurry(plug())
    (run,) = run_on_phones([job], {"onnxruntime": script_runner}, replace(QUICK, energy_s=1))
    assert run.energy is None and "a cable powers the phone" in run.energy_note
