"""The federated device's Kotlin, compiled once for all tests that run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.native_tools import ANDROID_FILES
from support.paths import ROOT

DEVICE_TOOLS = {"java": "openjdk-17-jre-headless", "npm": "npm"}


@pytest.fixture(scope="session")
def device_java(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that runs the device's classes; its Kotlin tests have passed."""
    missing = [package for tool, package in DEVICE_TOOLS.items() if shutil.which(tool) is None]
    missing += [package for file, package in ANDROID_FILES.items() if not Path(file).is_file()]
    if missing:
        pytest.skip(f"apt-get install {' '.join(missing)}")
    out = tmp_path_factory.mktemp("device")
    done = subprocess.run(
        [ROOT / "android_demo" / "build_device.sh", out, "--tests"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHON": sys.executable},
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    passed = re.search(r"^OK \((\d+) tests\)$", done.stdout, re.MULTILINE)
    assert passed and int(passed[1]) > 10
    return ["java", f"@{out / 'java.args'}"]


@pytest.fixture(scope="session")
def device_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library by which the device trains: ExecuTorch's C++ runtime behind JNI."""
    tools = {"g++": "g++", "javac": "openjdk-17-jdk-headless"}
    if missing := [package for tool, package in tools.items() if shutil.which(tool) is None]:
        pytest.skip(f"apt-get install {' '.join(missing)}")
    out = tmp_path_factory.mktemp("engine")
    done = subprocess.run(
        [ROOT / "android_demo" / "build_engine.sh", out],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return out / "libtinyaudio_engine.so"
