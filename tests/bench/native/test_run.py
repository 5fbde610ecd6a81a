"""The C++ runner computes what Python computes, on emulated ARM too, and explains its errors."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from support.native_tools import emulator
from support.runs import WINDOW, chord
from torch import Tensor, nn

from tiny_audio_ssl import UserError

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench.native import packages
from tiny_audio_ssl.bench.native import run as native
from tiny_audio_ssl.bench.native.build import RunnerBundle, build_runner
from tiny_audio_ssl.bench.native.options import RUNTIMES, RunnerOptions, Runtime
from tiny_audio_ssl.bench.native.result import RunnerResult, parse_result
from tiny_audio_ssl.bench.native.run import run_native
from tiny_audio_ssl.export.runtimes import open_artifact

SUFFIX: dict[Runtime, str] = {"executorch": ".pte", "onnxruntime": ".onnx"}
pytestmark = pytest.mark.usefixtures("native_tools")
QUICK = RunnerOptions(warm_up=0, runs=1, embedding=True)


@pytest.fixture(params=list(SUFFIX))
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return request.param


@pytest.fixture
def artifact(waveform_export: Path, runtime: Runtime) -> Path:
    return waveform_export / f"encoder.waveform.fp32{SUFFIX[runtime]}"


@pytest.fixture
def pcm(tmp_path: Path) -> Path:
    """A file of 0.975 s of sound, as the runner reads it."""
    path = tmp_path / "pcm.f32"
    chord(7)[:WINDOW].astype("<f4").tofile(path)
    return path


def run(bundle: RunnerBundle, *arguments: object, before: tuple[str, ...] = ()) -> RunnerResult:
    """Start a bundle's program, perhaps behind an emulator, and return its result."""
    command = [*before, *bundle.command, *map(str, arguments)]
    done = subprocess.run(command, cwd=bundle.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return parse_result(done.stdout)


def assert_close(found: tuple[float, ...], expected: np.ndarray, tolerance: float) -> None:
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


def test_the_embedding_equals_pythons(artifact):
    sound = chord(3)[:WINDOW].astype(np.float32)
    result = run_native(artifact, sound, QUICK)
    assert_close(result.output, open_artifact(artifact)(sound[None])[0], 1e-5)
    assert result.runtime_version == packages.version(result.runtime)


def test_the_embedding_on_emulated_arm_equals_the_hosts(artifact, runtime, pcm, tmp_path):
    """Compare numbers only: the times of an emulator mean nothing."""
    arguments = QUICK.arguments(str(artifact), str(pcm))
    emulated = run(build_runner(runtime, "aarch64-linux"), *arguments, before=emulator(tmp_path))
    assert emulated.abi == "arm64-v8a" and emulated.cpu_model == "ARM 0x41/0xd0b"
    host = run(build_runner(runtime), *arguments)
    assert_close(emulated.output, np.array(host.output), 1e-5)


def test_statistics_follow_from_the_samples(artifact):
    options = RunnerOptions(warm_up=3, runs=50, samples=True, embedding=True)
    result = run_native(artifact, options=options)
    samples = np.array(result.samples_ms)
    assert len(samples) == result.runs == 50 and samples.min() > 0
    percentiles = [result.p50_ms, result.p90_ms, result.p99_ms]
    np.testing.assert_allclose(percentiles, np.percentile(samples, [50, 90, 99]), rtol=1e-6)
    np.testing.assert_allclose(
        [result.min_ms, result.mean_ms], [samples.min(), samples.mean()], rtol=1e-6
    )
    assert min(result.load_ms, result.first_ms) > 0
    assert 1_000 < result.peak_rss_kb < 150_000  # not this Python's
    assert result.checksum == fnv1a(np.array(result.output, "<f4").tobytes())
    again = run_native(artifact)  # its own noise is always the same
    assert (again.checksum, again.samples_ms, again.output) == (result.checksum, (), ())


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def test_runs_may_be_limited_by_time(artifact):
    assert run_native(artifact, options=RunnerOptions(seconds=0.001)).runs >= 1
    assert run_native(artifact, options=RunnerOptions(seconds=0.3)).runs > 5


def test_sound_is_repeated_or_cut(artifact):
    sound = chord(5)[: WINDOW + 500].astype(np.float32)
    for given in (sound, sound[:1000]):
        expected = open_artifact(artifact)(np.resize(given, (1, WINDOW)))[0]
        assert_close(run_native(artifact, given, QUICK).output, expected, 1e-5)


def test_threads_and_cores_are_those_requested(artifact):
    core = max(os.sched_getaffinity(0))
    one, two = observe(artifact, 1, core), observe(artifact, 2, core)
    assert two["tasks"] - one["tasks"] == 1  # a runtime may have a task of its own beside them
    assert one["cores"] == two["cores"] == {core}
    options = RunnerOptions(runs=1, threads=2, cpus=(core,))
    result = run_native(artifact, options=options)
    assert (result.threads, result.cpus) == (2, (core,))
    assert run_native(artifact, options=RunnerOptions(runs=1)).cpus is None


def observe(artifact: Path, threads: int, core: int) -> dict[str, object]:
    """Return the usual number of a loaded runner's tasks, and the cores that they may use."""
    options = RunnerOptions(seconds=1.0, threads=threads, cpus=(core,))
    bundle = build_runner(RUNTIMES[artifact.suffix])
    command = [bundle.folder / bundle.program, *options.arguments(str(artifact))]
    counts: list[int] = []
    cores: set[int] = set()
    with psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                tasks = [thread.id for thread in process.threads()]
                allowed = [os.sched_getaffinity(task) for task in tasks]
            except (psutil.Error, ProcessLookupError):
                continue  # it is just ending
            counts.append(len(tasks))
            if len(counts) > 20:  # past its start
                cores = cores.union(*allowed)
            time.sleep(0.01)
    return {"tasks": statistics.mode(counts[len(counts) // 2 :]), "cores": cores}


class Hearing(nn.Module):
    """A small stream: packet, past, memory -> embedding, heard, next past, next memory."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(100, 8)

    def forward(self, packet: Tensor, past: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        samples = torch.cat([past, packet], 1)
        memory = 0.5 * memory + torch.relu(self.project(samples))
        return memory * 2.0, memory[:, :1] * 0 + 1, samples[:, 80:] * 1.0, memory * 1.0


@pytest.fixture(scope="module")
def hearing() -> Hearing:
    torch.manual_seed(0)
    return Hearing().eval()


@pytest.fixture
def stream(hearing: Hearing, runtime: Runtime, tmp_path: Path) -> Path:
    path = tmp_path / f"stream{SUFFIX[runtime]}"
    start = (torch.zeros(1, 80), torch.zeros(1, 20), torch.zeros(1, 8))
    if runtime == "onnxruntime":
        torch.onnx.export(hearing, start, path, dynamo=True, verbose=False, external_data=False)
        return path
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(hearing, start)
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    path.write_bytes(edge.to_executorch().buffer)
    return path


@torch.no_grad()
def test_a_stream_is_fed_packet_by_packet(stream, hearing):
    sound = chord(4)[: 80 * 7].astype(np.float32)
    past, memory = torch.zeros(1, 20), torch.zeros(1, 8)
    expected = []
    for packet in torch.from_numpy(np.tile(sound, 2)).split(80):
        embedding, _, past, memory = hearing(packet[None], past, memory)
        expected.append(embedding[0].numpy())
    for packets in (2, 7, 10):  # the first, then warm-up, then timed; the tenth is the third again
        options = RunnerOptions(warm_up=packets - 2, runs=1, stream=True, embedding=True)
        result = run_native(stream, sound, options)
        assert result.stream
        assert_close(result.output, expected[packets - 1], 1e-5)


def test_bad_arguments_are_refused(runtime, artifact, tmp_path):
    bundle = build_runner(runtime)
    empty, odd = tmp_path / "empty.f32", tmp_path / "odd.f32"
    empty.touch()
    odd.write_bytes(bytes(5))
    cases: list[tuple[str, ...]] = [
        (), ("one", "two"), ("--nonsense",), ("--runs",), ("--runs", "0"), ("--runs", "2.5"),
        ("--runs", "many"), ("--runs", "3", "--seconds", "1"), ("--seconds", "-1"),
        ("--seconds", "nan"), ("--threads", "0"), ("--warm-up", "-1"), ("--cpus", ""),
        ("--cpus", "0,x"), ("--cpus", "1000"), ("--cpus", "100000"), ("--pcm", "/missing"),
        ("--pcm", str(empty)), ("--pcm", str(odd)), ("--stream",),
    ]  # fmt: skip
    for given in cases:
        command = [bundle.folder / bundle.program, *given, *([artifact] if given else [])]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, ""), (given, done.stderr)
        assert done.stderr.strip()


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_artifact_is_refused(artifact, tmp_path, share):
    whole = artifact.read_bytes()
    cut = tmp_path / artifact.name
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="can't load it"):
        run_native(cut, options=QUICK)


def test_missing_and_other_files_are_refused(tmp_path, artifact):
    with pytest.raises(UserError, match="cannot be read"):
        run_native(tmp_path / f"none{artifact.suffix}")
    with pytest.raises(UserError, match=r"expected an artifact, \.pte or \.onnx"):
        run_native(tmp_path / "model.tflite")


def onnx_mean(path: Path, dtype: int) -> Path:
    """Write a model of any length: [batch, samples] -> their mean."""
    from onnx import helper, save

    sound = helper.make_tensor_value_info("sound", dtype, ["batch", "samples"])
    mean = helper.make_tensor_value_info("mean", dtype, ["batch", 1])
    node = helper.make_node("ReduceMean", ["sound"], ["mean"], axes=[1])
    graph = helper.make_graph([node], "mean", [sound], [mean])
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_peers_of_any_length_or_another_type(tmp_path):
    from onnx import TensorProto

    sound = np.arange(123, dtype=np.float32)
    free = onnx_mean(tmp_path / "free.onnx", TensorProto.FLOAT)
    assert run_native(free, sound, QUICK).output == (61.0,)
    with pytest.raises(UserError, match="sound is not a float32 tensor"):
        run_native(onnx_mean(tmp_path / "ints.onnx", TensorProto.INT32), sound, QUICK)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo hello", "printed no result: no JSON: 'hello"),
        ("echo '[1]'", "printed no result"),
        ("echo '{\"runs\": 1}'", "printed no result: no "),
        ("echo oh >&2; kill -SEGV $$", "crashed .SIGSEGV.; its last output: oh"),
        ("echo no memory >&2; exit 3", "exit code 3; its last output: no memory"),
        ("sleep 60", "took longer than 0.5 s"),
    ],
)
def test_a_failing_runner_is_explained(script, message, tmp_path, monkeypatch):
    program = tmp_path / "runner"
    program.write_text(f"#!/bin/bash\n{script.replace('sleep', 'exec sleep')}\n")
    program.chmod(0o755)
    bundle = RunnerBundle(tmp_path, "runner", (), None, "x86_64", "onnxruntime", "0")
    monkeypatch.setattr(native, "build_runner", lambda _: bundle)
    with pytest.raises(UserError, match=message):
        run_native("encoder.onnx", timeout_s=0.5)
