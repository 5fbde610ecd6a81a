"""The Android app without Android: its APK is built and looked into, its Kotlin runs on the JVM."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.android_signatures import Signatures, members
from support.native_tools import ANDROID_FILES, ANDROID_TOOLS
from support.paths import ROOT
from support.runs import make_run

from tiny_audio_ssl import cli
from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.models.encoder_config import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench.native.packages import installed
from tiny_audio_ssl.bench.native.result import parse_result
from tiny_audio_ssl.export import android, manifest
from tiny_audio_ssl.export.runtimes import open_artifact
from tiny_audio_ssl.export.streaming.stream_runtime import Stream

DEMO = ROOT / "android_demo"
PACKAGE = "org.tinyaudiossl.demo"
ABIS = {"arm64-v8a": "AArch64", "x86_64": "Advanced Micro Devices X86-64"}
BUDGET_BYTES = 30_000_000  # 26 million of which are ONNX Runtime's, for two ABIs


def told(*command: object, **environment: object) -> str:
    """Return what a command prints; fail with its whole output if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env=os.environ | {name: str(value) for name, value in environment.items()},
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def tools() -> dict[str, Path]:
    """Return the build's downloads by name, from the user's own cache: pinned, 500 MB at a time."""
    missing = [package for tool, package in ANDROID_TOOLS.items() if shutil.which(tool) is None]
    missing += [package for file, package in ANDROID_FILES.items() if not Path(file).is_file()]
    if missing:
        pytest.skip(f"apt-get install {' '.join(missing)}")
    printed = told(sys.executable, DEMO / "without_sdk" / "packages.py")
    return {name: Path(place) for name, _, place in (x.partition("=") for x in printed.split())}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An export folder, and an Android project that was given what it listens with."""
    project = tmp_path_factory.mktemp("project")
    (project / "app" / "src" / "main").mkdir(parents=True)
    small = EncoderConfig(width=0.25, slice_frames=16)
    run = make_run(tmp_path_factory.mktemp("run"), small)
    forms = ["--format", "onnx", "--precision", "fp32", "--input", "waveform", "stream"]
    options = ["--parity-clips", "4", "--android", str(project)]
    with pytest.raises(SystemExit) as done:
        cli.main(["export", str(run), *forms, *options])
    assert done.value.code == 0
    return run / "export", project


@pytest.fixture(scope="module")
def built(tools, exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the build put the APK, and all on the way to it."""
    out = tmp_path_factory.mktemp("out")
    assets = android.assets_of(exported[1])
    told(DEMO / "build_without_sdk.sh", out, PYTHON=sys.executable, ASSETS=assets)
    return out


@pytest.fixture(scope="module")
def apk(built: Path) -> Path:
    return built / "app-debug.apk"


@pytest.fixture(scope="module")
def inside(apk: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(apk) as archive:
        yield archive


def aapt2(built: Path, *arguments: object) -> str:
    return told(built / "aapt" / "prebuilt" / "linux" / "aapt2_64", *arguments)


def test_the_apk_is_signed_and_aligned(tools, apk):
    signer = tools["android_tools"] / "mobsf" / "StaticAnalyzer" / "tools" / "apksigner.jar"
    verified = told("java", "-jar", signer, "verify", "-v", "--min-sdk-version", 24, apk)
    assert "v2 scheme (APK Signature Scheme v2): true" in verified
    assert "v3 scheme (APK Signature Scheme v3): true" in verified
    told("zipalign", "-c", "-p", 4, apk)


def test_the_apk_says_what_it_is_and_what_it_wants(built, apk):
    badging = aapt2(built, "dump", "badging", apk)
    assert f"package: name='{PACKAGE}'" in badging
    assert "minSdkVersion:'24'" in badging
    assert "targetSdkVersion:'35'" in badging
    assert f"launchable-activity: name='{PACKAGE}.MainActivity'" in badging
    assert "locales: '--_--' 'de' 'es'" in badging
    assert re.findall("uses-permission: name='(.*?)'", badging) == [
        "android.permission.RECORD_AUDIO"
    ]
    assert "uses-feature: name='android.hardware.microphone'" in badging
    # Short names, as the source has them, so that they move with the package.
    tree = aapt2(built, "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    activities = re.findall(
        r'E: activity.*?:name\(.*?\)="(.*?)".*?:exported\(.*?\)=(\w+)', tree, re.S
    )
    assert dict(activities) == {
        ".MainActivity": "true",
        ".BenchmarkActivity": "true",
        ".TrainingActivity": "false",
    }


def test_the_classes_are_the_apps_and_its_runtimes_and_not_androids(apk, tmp_path):
    with zipfile.ZipFile(apk) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dex")]
        archive.extractall(tmp_path, names)
    dumped = "".join(told("dexdump", tmp_path / name) for name in names)
    classes = set(re.findall(r"Class descriptor  : 'L(.*?);'", dumped))
    tops = {"/".join(name.split("/")[:2]) for name in classes}
    assert f"{PACKAGE.replace('.', '/')}/MainActivity" in classes
    assert "org/tinyaudiossl/encoder/ExecuTorchEngine" in classes
    assert "ai/onnxruntime/OrtSession" in classes
    assert {top.split("/")[0] for top in tops} == {"org", "ai", "kotlin"}
    own = {name for name in classes if name.startswith("org/tinyaudiossl/")}
    assert {name.split("/")[2] for name in own} == {"demo", "encoder"}  # nothing that federates
    assert not any(name.startswith("org/tinyaudiossl/demo/federation") for name in own)
    assert {top for top in tops if top.startswith("org")} <= {
        "org/tinyaudiossl",
        "org/intellij",
        "org/jetbrains",
    }


def test_native_libraries_fit_pages_of_16_kb(inside, tmp_path):
    libraries = [name for name in inside.namelist() if name.startswith("lib/")]
    files = ("libonnxruntime.so", "libonnxruntime4j_jni.so")
    assert sorted(libraries) == sorted(f"lib/{abi}/{file}" for abi in ABIS for file in files)
    for name in libraries:
        file = inside.extract(name, tmp_path)
        headers = told("readelf", "-hlW", file)
        assert ABIS[name.split("/")[1]] in headers
        alignments = re.findall(r"^ +LOAD .* (0x\w+)$", headers, re.MULTILINE)
        assert alignments and all(int(alignment, 16) >= 16_384 for alignment in alignments)


def test_the_apk_stays_within_its_budget(apk):
    assert apk.stat().st_size <= BUDGET_BYTES


def test_the_app_has_the_stream_and_its_manifest(inside, exported):
    names = {name for name in inside.namelist() if name.startswith("assets/")}
    assert names == {"assets/encoder/encoder.stream.fp32.onnx", "assets/encoder/manifest.json"}
    original = exported[0] / "encoder.stream.fp32.onnx"
    assert inside.read("assets/encoder/encoder.stream.fp32.onnx") == original.read_bytes()
    assets = android.assets_of(exported[1])
    (entry,) = manifest.trusted(assets / android.FOLDER)["artifacts"]  # schema and seal hold
    assert entry["file"] == original.name


def test_an_altered_artifact_stops_the_build(tools, exported, tmp_path):
    assets = shutil.copytree(android.assets_of(exported[1]), tmp_path / "assets")
    with (assets / "encoder" / "encoder.stream.fp32.onnx").open("ab") as file:
        file.write(b"!")
    script = [DEMO / "build_without_sdk.sh", tmp_path / "out"]
    environment = os.environ | {"PYTHON": sys.executable, "ASSETS": str(assets)}
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "truncated or altered" in done.stderr


def test_stubs_are_as_android_is(tools, built):
    signatures = Signatures(tools["android_signatures"] / "android-stubs")
    stubs = members(built / "stubs")
    assert len(stubs) > 150
    assert [problem for member in stubs if (problem := signatures.problem(member))] == []


@pytest.fixture(scope="module")
def java(federated_app: Path) -> list[str]:
    """A command that runs the app's classes here; the Kotlin tests have passed."""
    library = next(installed("onnxruntime").glob("capi/libonnxruntime.so.1*"))  # Python's own
    return ["env", f"ONNXRUNTIME={library}", "java", f"@{federated_app / 'java.args'}"]


@pytest.fixture(scope="module")
def sound(real_audio: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Path]:
    """A real recording, and the file that the Kotlin code reads."""
    clip = audio.read(real_audio / "esc50" / "audio" / "1-30344-A-0.flac")[
        : 3 * audio.SAMPLE_RATE_HZ
    ]
    path = tmp_path_factory.mktemp("sound") / "pcm.f32"
    clip.astype("<f4").tofile(path)
    return clip, path


def heard(java: list[str], artifact: Path, pcm: Path, packet: int) -> list[dict[str, object]]:
    printed = told(*java, "org.tinyaudiossl.encoder.ToolKt", "embed", artifact, pcm, packet)
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.parametrize("packet", [1_600, 777])
def test_kotlin_gives_pythons_embeddings_of_windows(java, exported, sound, packet):
    artifact = exported[0] / "encoder.waveform.fp32.onnx"
    run = open_artifact(artifact)
    found = heard(java, artifact, sound[1], packet)
    assert len(found) == 1 + (len(sound[0]) - 15_600) // 3_900
    for one in found:
        window = sound[0][one["start"] : one["end"]]
        expected = run(window[None])[0]
        np.testing.assert_allclose(one["embedding"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("packet", [1_600, 333])
def test_kotlin_gives_pythons_embeddings_of_a_stream(java, exported, sound, packet):
    artifact = exported[0] / "encoder.stream.fp32.onnx"
    expected = list(Stream.open(artifact).push(sound[0]))
    found = heard(java, artifact, sound[1], packet)
    assert len(found) == len(expected) > 10
    for one, other in zip(found, expected, strict=True):
        assert (one["start"], one["end"]) == (other.start_sample, other.end_sample)
        np.testing.assert_allclose(one["embedding"], other.embedding, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rate_hz", [11_025, 44_100, 192_000])
def test_kotlin_resamples_as_python_does(java, tmp_path, rate_hz):
    given, out = tmp_path / "given.f32", tmp_path / "out.f32"
    noise = np.random.default_rng(0).uniform(-1, 1, rate_hz // 4).astype("<f4")
    noise.tofile(given)
    told(*java, "org.tinyaudiossl.encoder.ToolKt", "resample", given, rate_hz, 777, out)
    found, expected = np.fromfile(out, "<f4"), audio.resample(noise, rate_hz)
    assert len(expected) - 400 < len(found) <= len(expected)  # what is certain without an end
    np.testing.assert_allclose(found, expected[: len(found)], atol=1e-5)


@pytest.mark.parametrize("form", ["waveform", "stream"])
def test_the_benchmark_tells_what_the_native_runner_tells(java, exported, form):
    artifact = exported[0] / f"encoder.{form}.fp32.onnx"
    tool = "org.tinyaudiossl.encoder.ToolKt"
    printed = told(*java, tool, "benchmark", artifact, "onnxruntime")
    assert parse_result(printed).p50_ms > 0  # as the host reads it
    found = json.loads(printed)
    contract = {
        "runtime", "runtime_version", "artifact", "abi", "cpu_model", "threads", "cpus", "stream",
        "load_ms", "first_ms", "runs", "p50_ms", "p90_ms", "p99_ms", "min_ms", "mean_ms",
        "samples_ms", "peak_rss_kb", "checksum",
    }  # fmt: skip
    assert found.keys() == contract
    assert (found["runtime"], found["stream"]) == ("onnxruntime", form == "stream")
    assert found["runs"] == len(found["samples_ms"]) == 5
    assert 0 < found["min_ms"] <= found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"]
    assert found["p50_ms"] == pytest.approx(np.percentile(found["samples_ms"], 50))
    assert re.fullmatch("[0-9a-f]{16}", found["checksum"])
    assert found["peak_rss_kb"] > 10_000


def test_the_screen_is_drawn_in_each_language(java, exported, sound, tmp_path):
    artifact = exported[0] / "encoder.stream.fp32.onnx"
    res = ":".join(str(DEMO / "app" / "src" / name / "res") for name in ("main", "demo"))
    told(*java, f"{PACKAGE}.drawing.RenderKt", tmp_path, res, artifact, sound[1], "Dog")
    drawn = sorted(file.name for file in tmp_path.glob("*.png"))
    assert drawn == ["screen-de-dark.png", "screen-en-light.png", "screen-es-large.png"]
    assert all((tmp_path / name).stat().st_size > 30_000 for name in drawn)  # not one color
