"""Tools for tests of native programs: compilers, an emulated ARM, the libraries of a binary."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

TOOLS = {
    "cmake": "cmake",
    "make": "make",
    "c++": "g++",
    "npm": "npm",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "qemu-aarch64-static": "qemu-user-static",
}

ANDROID_TOOLS = {
    "java": "openjdk-17-jre-headless",
    "javac": "openjdk-17-jdk-headless",
    "npm": "npm",
    "gcc": "gcc",
    "zipalign": "zipalign",
    "dexdump": "dexdump",
}
ANDROID_FILES = {
    "/usr/share/java/com.android.json.jar": "libandroid-json-java",
    "/usr/share/java/junit4.jar": "junit4",
    "/usr/share/java/hamcrest-all.jar": "libhamcrest-java",
}


def missing_tools() -> list[str]:
    """Return the Debian packages that are not installed."""
    return [package for tool, package in TOOLS.items() if shutil.which(tool) is None]


def emulator(folder: Path) -> tuple[str, ...]:
    """Return a qemu command for a Cortex-A76, with its /proc/cpuinfo, which ONNX Runtime reads."""
    (folder / "proc").mkdir()
    (folder / "proc" / "cpuinfo").write_text(
        "processor\t: 0\nFeatures\t: fp asimd aes crc32 atomics fphp asimdhp asimddp\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\n"
        "CPU part\t: 0xd0b\nCPU revision\t: 1\n\n"
    )
    return ("qemu-aarch64-static", "-cpu", "cortex-a76", "-L", str(folder))


def needed(binary: Path) -> list[str]:
    """Return the libraries that a program or library needs."""
    read = subprocess.run(["readelf", "-d", binary], capture_output=True, text=True, check=True)
    lines = [line for line in read.stdout.splitlines() if "(NEEDED)" in line]
    return [line.partition("[")[2].rstrip("]") for line in lines]
