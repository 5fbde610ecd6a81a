"""Arguments of the C++ runner, for this machine and for phones."""

from __future__ import annotations

from pathlib import Path

from tiny_audio_ssl.bench.native.options import RunnerJob, RunnerOptions


def test_arguments_of_the_command_line():
    assert RunnerOptions(runs=5).arguments("a.pte") == [
        "a.pte", "--warm-up", "20", "--runs", "5", "--threads", "1",
    ]  # fmt: skip
    options = RunnerOptions(seconds=2.5, cpus=(4, 5), stream=True, samples=True, embedding=True)
    assert options.arguments("a.onnx", "pcm.f32") == [
        "a.onnx", "--pcm", "pcm.f32", "--warm-up", "20", "--seconds", "2.5", "--threads", "1",
        "--cpus", "4,5", "--stream", "--samples", "--embedding",
    ]  # fmt: skip


def test_the_ending_tells_the_runtime():
    assert RunnerJob(Path("a.pte")).runtime == "executorch"
    assert RunnerJob(Path("a.onnx")).runtime == "onnxruntime"
