"""The benchmark of the demo app on a phone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.phones import QUICK, needs_adb, result_json

from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.phone import app as phone_app
from tiny_audio_ssl.bench.phone.run import run_on_phones
from tiny_audio_ssl.export import manifest

pytestmark = needs_adb


@pytest.fixture(autouse=True)
def _polled_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_app, "POLL_S", 0.05)


def test_an_installed_app_runs_the_job_too(plug, job, script_runner, monkeypatch):
    fake, push, pushed = plug(), adb.Phone.push, []
    job.artifact.with_name("manifest.json").write_text("{}")

    def recorded(phone, files, folder):
        pushed.extend((file.name, folder.startswith(phone_app.FILES)) for file in files)
        return push(phone, files, folder)

    monkeypatch.setattr(adb.Phone, "push", recorded)
    (fake.root / "app.json").write_text(result_json(p50_ms=7.0))
    runs = run_on_phones([job], {"onnxruntime": script_runner}, QUICK)
    found = [(run.program, run.results[-1].p50_ms) for run in runs]
    assert found == [("runner", 1.0), ("app", 7.0)]
    assert ("manifest.json", True) in pushed and ("manifest.json", False) not in pushed
    started = (fake.root / "am.log").read_text().splitlines()[0]
    assert f"start -n {phone_app.ACTIVITY} --es artifact" in started
    assert started.endswith("a b.onnx --ei runs 5 --ei threads 1 --es engine onnxruntime")
    assert [path for path in (fake.root / "sdcard").rglob("*") if path.is_file()] == []


def test_a_failing_app_does_not_lose_the_runners_results(plug, job, script_runner):
    fake = plug()
    messages: list[str] = []
    (fake.root / "app.json").write_text("nonsense")
    settings, bundles = replace(QUICK, run_timeout_s=2), {"onnxruntime": script_runner}
    runs = run_on_phones([job], bundles, settings, progress=messages.append)
    assert "the app wrote no JSON: 'nonsense" in messages[-1]
    assert "unlock the phone" in messages[-1]
    (fake.root / "no-activity").touch()
    runs += run_on_phones([job], bundles, QUICK, progress=messages.append)
    assert "BenchmarkActivity can't be started" in messages[-1]
    assert "does not exist" in messages[-1]
    assert [run.program for run in runs] == ["runner", "runner"]
    assert [path for path in (fake.root / "sdcard").rglob("*") if path.is_file()] == []


def test_the_manifest_is_the_exports():
    assert phone_app.MANIFEST == manifest.MANIFEST
