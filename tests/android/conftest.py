"""The federated device, built once for all tests that run it, and a run to take part in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.made_once import made_once
from support.native_tools import ANDROID_FILES, ANDROID_TOOLS
from support.paths import ROOT

from tiny_audio_ssl.bench.native.packages import installed
from tiny_audio_ssl.utils.cache_dir import default_cache_dir

TOOLS = {
    "java": "openjdk-17-jre-headless",
    "javac": "openjdk-17-jdk-headless",
    "npm": "npm",
    "g++": "g++",
}
ARM_TOOLS = {
    "javac": "openjdk-17-jdk-headless",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "qemu-aarch64-static": "qemu-user-static",
}

OWN_CACHE = default_cache_dir()  # the user's, before tests get another


@pytest.fixture(scope="session", autouse=True)
def _kept_downloads(_isolated_cache: None) -> None:
    """Let the build's downloads, 500 MB and pinned, be those of the user's own cache."""
    packages = default_cache_dir() / "packages"
    if not packages.exists():
        (OWN_CACHE / "packages").mkdir(parents=True, exist_ok=True)
        packages.parent.mkdir(parents=True, exist_ok=True)
        packages.symlink_to(OWN_CACHE / "packages")


def built(script: str, *arguments: str | Path, **environment: str) -> str:
    """Return what one of the project's build scripts prints; fail with its output if it fails."""
    done = subprocess.run(
        [ROOT / "android_demo" / script, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHON": sys.executable} | environment,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def make_device(out: Path) -> None:
    printed = built("build_device.sh", out, "--tests")
    passed = re.search(r"^OK \((\d+) tests\)$", printed, re.MULTILINE)
    assert passed and int(passed[1]) > 30


def skip_without(tools: dict[str, str]) -> None:
    """Skip the tests that need programs, or Debian's jars, that are not installed."""
    missing = [package for tool, package in tools.items() if shutil.which(tool) is None]
    missing += [package for file, package in ANDROID_FILES.items() if not Path(file).is_file()]
    if missing:
        pytest.skip(f"apt-get install {' '.join(missing)}")


@pytest.fixture(scope="session")
def device_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the device's classes and program; its Kotlin tests have passed."""
    skip_without(TOOLS)
    return made_once(tmp_path_factory, "native-device", make_device)


@pytest.fixture(scope="session")
def device_java(device_build: Path) -> list[str]:
    """A command that runs the device's classes."""
    return ["java", f"@{device_build / 'java.args'}"]


@pytest.fixture(scope="session")
def device_program(device_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `tiny-audio-device`, with the library by which it trains beside it."""
    made_once(tmp_path_factory, "native-engine", lambda _: built("build_engine.sh", device_build))
    return device_build / "tiny-audio-device"


@pytest.fixture(scope="session")
def arm_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library by which the device trains, for 64-bit ARM, with those that it needs."""
    skip_without(ARM_TOOLS)

    def make(out: Path) -> None:
        built("build_engine.sh", out, "aarch64")

    return made_once(tmp_path_factory, "arm-engine", make) / "libtinyaudio_engine.so"


@pytest.fixture(scope="session")
def device_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to start from (`run`), its training artifact (`run/export-training`), the folder of a
    native device (`device`) and recordings (`clips`)."""
    from support.federated_grid import TINY, federate

    from tiny_audio_ssl.audio import synthetic
    from tiny_audio_ssl.export.training.to_training import export_training
    from tiny_audio_ssl.federated.device_folder import make_device_folder

    def make(place: Path) -> None:
        federate(place / "run", clients=2, rounds=1, evaluate_every=0)
        artifact = export_training(place / "run", batch_size=TINY["batch_size"]).folder
        make_device_folder(artifact, place / "device")
        synthetic.write(place / "clips", per_class=1)

    return made_once(tmp_path_factory, "native-start", make)


@pytest.fixture(scope="session")
def federated_app(device_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app's build with network put its APK and classes; its Kotlin tests have passed."""
    skip_without(ANDROID_TOOLS)

    def make(out: Path) -> None:
        assets = out.with_name("federated-assets")
        shutil.copytree(device_start / "device", assets / "device")
        built("build_without_sdk.sh", out, "federated", ASSETS=str(assets))
        library = next(installed("onnxruntime").glob("capi/libonnxruntime.so.1*"))
        printed = built("test_without_sdk.sh", out, ONNXRUNTIME=str(library))
        passed = re.search(r"^OK \((\d+) tests\)$", printed, re.MULTILINE)
        assert passed and int(passed[1]) > 60

    return made_once(tmp_path_factory, "federated-app", make)
