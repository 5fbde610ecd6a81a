"""The C++ runner on a phone: its result, its failures, and what is left behind."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from support.phones import coming_back, connect, needs_adb, wait_until

from tiny_audio_ssl.bench.native.build import build_runner
from tiny_audio_ssl.bench.native.options import RunnerJob, RunnerOptions
from tiny_audio_ssl.bench.phone.adb import Phone
from tiny_audio_ssl.bench.phone.runner import runner_on, signal_name
from tiny_audio_ssl.export.runtimes import open_artifact

pytestmark = needs_adb


@pytest.mark.usefixtures("native_tools")
@pytest.mark.parametrize("runtime", ["executorch", "onnxruntime"])
def test_the_embedding_on_the_phone_equals_the_hosts(plug, waveform_export, tmp_path, runtime):
    fake = plug()
    window = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 15_600)).astype("<f4")
    (tmp_path / "sound.f32").write_bytes(window.tobytes())
    suffix = ".pte" if runtime == "executorch" else ".onnx"
    options = RunnerOptions(runs=1, warm_up=0, embedding=True)
    artifact = waveform_export / f"encoder.waveform.fp32{suffix}"
    job = RunnerJob(artifact, tmp_path / "sound.f32", options)
    bundles = {runtime: build_runner(runtime, "aarch64-linux")}
    with runner_on(Phone(fake.serial), [job], bundles, reconnect_s=5) as runner:
        result = runner.run(job, timeout_s=120)
    expected = open_artifact(artifact)(window)[0]
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(result.output, np.ravel(expected), atol=tolerance)
    assert (result.runtime, result.abi, result.runs) == (runtime, "arm64-v8a", 1)
    assert len((fake.root / "started").read_text().split()) == 1


def test_signals_are_named():
    assert (signal_name(11), signal_name(99)) == ("SIGSEGV", "signal 99")


def test_full_storage_is_reported(plug, failing):
    plug(free_bytes=100_000)
    message = failing("exit 0")
    assert "its storage is full; free at least 0.3 MB there" in message


@pytest.mark.parametrize("kind", ["pixel-6-android-14", "nexus-5x-android-6"])
def test_crashes_and_exit_codes_are_explained(plug, failing, tmp_path, kind):
    plug(kind)
    assert "the runner crashed (SIGSEGV)" in failing("kill -SEGV $$")
    shutil.rmtree(tmp_path / "failing")
    message = failing("echo 'a.onnx: no such operator' >&2; exit 2")
    assert "does not take these arguments or this artifact (exit code 2)" in message
    assert message.endswith("a.onnx: no such operator")


def test_other_output_is_quoted(plug, failing, tmp_path):
    plug()
    assert "the runner printed no JSON: 'WARNING" in failing("echo WARNING: linker; echo '{}'")
    shutil.rmtree(tmp_path / "failing")
    assert "the runner printed nothing; its errors: oh" in failing("echo oh >&2")
    shutil.rmtree(tmp_path / "failing")
    assert "the runner printed no abi, artifact" in failing("""echo '{"p50_ms": 1}'""")


def test_an_endless_run_is_ended(plug, failing):
    fake = plug()
    message = failing("sleep 600", run_timeout_s=1)
    assert "a b.onnx did not end within 1 s; ask for fewer runs" in message
    assert fake.running() == []


def test_disconnected_while_files_are_copied(plug, failing):
    fake = plug(goes_after_bytes=200_000)
    with coming_back(fake):
        message = failing("exit 0")
    assert "the phone was disconnected while files were copied" in message
    assert "to remove what is left" not in message


def test_disconnected_while_it_runs(plug, failing):
    fake = plug(goes_at="wait $!")
    with coming_back(fake):
        message = failing("sleep 600")
    assert "the phone was disconnected while it ran" in message
    assert fake.running() == []


def test_disconnected_for_good(plug, failing):
    fake = plug(goes_at="wait $!")
    message = failing("sleep 2", reconnect_s=0.5)
    assert "the phone was disconnected" in message
    told = re.search(r"to remove what is left, type: (adb .*)$", message)
    fake.come_back()
    connect(fake)
    wait_until(lambda: fake.running() == [])
    subprocess.run(told[1].split(), check=True)
