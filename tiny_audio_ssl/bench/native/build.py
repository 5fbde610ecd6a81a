"""Build the C++ runner for this machine, for 64-bit ARM Linux, or with the Android NDK.

The sources beside this file are compiled (seconds) against the libraries of the installed packages,
or of the same versions for another processor. The resulting folder is kept in the cache.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tiny_audio_ssl.bench.native import packages
from tiny_audio_ssl.bench.native.options import Runtime
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir

BuildTarget = Literal["host", "aarch64-linux", "android-arm64"]

SOURCES = Path(__file__).parent
PROGRAM = "runner"
LOADER = "ld-linux-aarch64.so.1"
ABIS = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}  # Android's names


@dataclass(frozen=True)
class RunnerBundle:
    """A folder with the runner and its libraries, to copy and run where its processor fits."""

    folder: Path
    program: str  # file name, like the two below
    libraries: tuple[str, ...]
    loader: str | None  # of a bundle with its own C library, which runs on Android too
    abi: str  # "x86_64" or "arm64-v8a"
    runtime: Runtime
    runtime_version: str

    @property
    def command(self) -> tuple[str, ...]:
        """Command that starts the program within the folder, before its arguments."""
        if self.loader is None:
            return (f"./{self.program}",)
        return (f"./{self.loader}", "--library-path", ".", f"./{self.program}")


def build_runner(runtime: Runtime, target: BuildTarget = "host") -> RunnerBundle:
    """Build the runner of a runtime for a target, or take it from the cache.

    Args:
        target: `host` is this Linux. `aarch64-linux` includes its own C library: it runs on 64-bit
            ARM Linux and on Android. `android-arm64` is built with the NDK at $ANDROID_NDK_HOME.

    Raises `UserError`: a missing compiler, CMake, package or NDK; a download or build that fails.
    """
    if runtime not in get_args(Runtime) or target not in get_args(BuildTarget):
        raise UserError(
            f"runtime {runtime!r}, target {target!r}; expected one of "
            f"{', '.join(get_args(Runtime))} and one of {', '.join(get_args(BuildTarget))}"
        )
    abi = ABIS.get(platform.machine()) if target == "host" else "arm64-v8a"
    if platform.system() != "Linux" or abi is None:
        raise UserError(
            f"the C++ runner is built on Linux for x86_64 or aarch64; this is "
            f"{platform.system()} {platform.machine()}"
        )
    version = packages.version(runtime)
    toolchain = _toolchain(target)
    folder = default_cache_dir() / "runner" / f"{runtime}-{version}-{target}-{_key(toolchain)}"
    with packages.made_once(folder) as work:
        if work:
            _compile([*toolchain, *_definitions(runtime, target)], work)
    names = sorted(file.name for file in folder.iterdir())
    loader = LOADER if LOADER in names else None
    libraries = tuple(name for name in names if name not in (PROGRAM, LOADER))
    return RunnerBundle(folder, PROGRAM, libraries, loader, abi, runtime, version)


def _toolchain(target: BuildTarget) -> list[str]:
    """Return CMake's arguments for a target, after checking that its tools are installed."""
    _require_tool("cmake", "cmake")
    _require_tool("make", "make")
    if target == "host":
        _require_tool("c++", "g++")
        return []
    if target == "aarch64-linux":
        _require_tool("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu")
        return [f"-DCMAKE_TOOLCHAIN_FILE={SOURCES / 'aarch64-linux-gnu.cmake'}"]
    ndk = Path(os.environ.get("ANDROID_NDK_HOME", "the NDK"))
    file = ndk / "build" / "cmake" / "android.toolchain.cmake"
    if not file.is_file():
        raise UserError(
            f"{file} not found; set ANDROID_NDK_HOME to an Android NDK, or build for "
            "aarch64-linux, which runs on Android too"
        )
    return [f"-DCMAKE_TOOLCHAIN_FILE={file}", "-DANDROID_ABI=arm64-v8a", "-DANDROID_PLATFORM=24"]


def _require_tool(name: str, package: str) -> None:
    if shutil.which(name) is None:
        raise UserError(f"{name} not found; install it with apt-get install {package}")


def _definitions(runtime: Runtime, target: BuildTarget) -> list[str]:
    """Return the CMake definitions that locate the runtime."""
    arguments = [f"-DRUNTIME={runtime}"]
    if runtime == "executorch":
        if target == "android-arm64":
            raise UserError(
                "the ExecuTorch wheels have no Android libraries; build for aarch64-linux, which "
                "runs on Android too"
            )
        package = packages.installed(runtime) if target == "host" else packages.aarch64(runtime)
        return [*arguments, f"-Dexecutorch_DIR={package / 'share' / 'cmake'}"]
    android = packages.onnxruntime_android()
    if target == "android-arm64":
        library = android / "jni" / "arm64-v8a" / "libonnxruntime.so"
    else:
        package = packages.installed(runtime) if target == "host" else packages.aarch64(runtime)
        library = next((package / "capi").glob("libonnxruntime.so*"))
    headers = android / "headers"
    return [*arguments, f"-DONNXRUNTIME_HEADERS={headers}", f"-DONNXRUNTIME_LIBRARY={library}"]


def _key(toolchain: Sequence[str]) -> str:
    """Return a hash of sources and tools, so that a change of either builds anew."""
    digest = hashlib.sha256("\n".join([*toolchain, packages.ANDROID]).encode())
    for file in sorted(SOURCES.iterdir()):
        if file.suffix in (".cpp", ".hpp", ".cmake", ".txt"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _compile(arguments: Sequence[str], target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="runner-build.") as build:
        _run("cmake", "-S", str(SOURCES), "-B", build, *arguments)
        _run("cmake", "--build", build)
        _run("cmake", "--install", build, "--prefix", str(target))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise UserError(f"building the runner: {' '.join(command)} failed:\n{tail}")
