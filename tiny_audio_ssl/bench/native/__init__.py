"""The C++ runner: built for this machine, for 64-bit ARM, for Android; each a folder to copy.

`build` compiles the sources beside this file (seconds) against the libraries of the installed
packages, or of the same versions for another processor, and keeps what it made in the cache.
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
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir
from tiny_audio_ssl.utils.files import atomic_folder

Runtime = Literal["executorch", "onnxruntime"]
Target = Literal["host", "aarch64-linux", "android-arm64"]

SOURCES = Path(__file__).parent
PROGRAM = "runner"
LOADER = "ld-linux-aarch64.so.1"
ABIS = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}  # Android's names


@dataclass(frozen=True)
class Bundle:
    """A folder that runs wherever its kernel and processor fit; see `command`."""

    folder: Path
    program: str  # file name, as those below
    libraries: tuple[str, ...]
    loader: str | None  # of a bundle that brings its C library along, to run on Android too
    abi: str  # "x86_64" or "arm64-v8a"
    runtime: Runtime
    runtime_version: str

    @property
    def command(self) -> tuple[str, ...]:
        """What to type within the folder, before the program's arguments."""
        if self.loader is None:
            return (f"./{self.program}",)
        return (f"./{self.loader}", "--library-path", ".", f"./{self.program}")


def build(runtime: Runtime, target: Target = "host") -> Bundle:
    """The runner of a runtime for a target; built once, then taken from the cache.

    `host` is this Linux. `aarch64-linux` brings its own C library: it runs on 64-bit ARM Linux and
    on Android. `android-arm64` is built with the NDK at $ANDROID_NDK_HOME.

    Raises `UserError`: a missing compiler, CMake, package or NDK; a download or build that fails.
    """
    if runtime not in get_args(Runtime) or target not in get_args(Target):
        raise UserError(
            f"runtime {runtime!r}, target {target!r}; expected one of "
            f"{', '.join(get_args(Runtime))} and one of {', '.join(get_args(Target))}"
        )
    abi = ABIS.get(platform.machine()) if target == "host" else "arm64-v8a"
    if platform.system() != "Linux" or abi is None:
        raise UserError(f"{platform.system()} {platform.machine()}: the runner is built on Linux")
    version = packages.version(runtime)
    toolchain = _toolchain(target)
    key = _key(toolchain)
    folder = default_cache_dir() / "runner" / f"{runtime}-{version}-{target}-{key}"
    if not folder.is_dir():
        with atomic_folder(folder) as work:
            _compile([*toolchain, *_definitions(runtime, target)], work)
    names = sorted(file.name for file in folder.iterdir())
    loader = LOADER if LOADER in names else None
    libraries = tuple(name for name in names if name not in (PROGRAM, LOADER))
    return Bundle(folder, PROGRAM, libraries, loader, abi, runtime, version)


def _toolchain(target: Target) -> list[str]:
    """CMake's arguments for a target whose tools are all there."""
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


def _definitions(runtime: Runtime, target: Target) -> list[str]:
    """Where CMake finds the runtime."""
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
    """Names the sources and the tools: other ones give another folder."""
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
