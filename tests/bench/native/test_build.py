"""Building the C++ runner: complete bundles, the NDK's toolchain, errors for missing tools."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.native_tools import TOOLS, needed

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.native import packages
from tiny_audio_ssl.bench.native.build import BuildTarget, build_runner
from tiny_audio_ssl.bench.native.options import Runtime

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.usefixtures("native_tools")


@pytest.fixture(params=["executorch", "onnxruntime"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return request.param


@pytest.mark.parametrize("target", ["host", "aarch64-linux"])
def test_a_bundle_needs_no_other_folder(runtime: Runtime, target: BuildTarget, tmp_path):
    bundle = build_runner(runtime, target)
    files = {bundle.program, *bundle.libraries, *([bundle.loader] if bundle.loader else [])}
    assert files == {file.name for file in bundle.folder.iterdir()}
    copy = shutil.copytree(bundle.folder, tmp_path / "copy")
    if target == "host":  # the C library and what belongs to it are the system's
        ldd = subprocess.run(["ldd", copy / bundle.program], capture_output=True, text=True)
        ours = [line for line in ldd.stdout.splitlines() if line.split()[0] in bundle.libraries]
        assert len(ours) == len(bundle.libraries) and all(str(copy) in line for line in ours)
        assert "not found" not in ldd.stdout
    else:
        wanted = {name for file in copy.iterdir() for name in needed(file)}
        assert wanted <= files


def test_a_missing_tool_is_named(runtime: Runtime, monkeypatch, tmp_path):
    with pytest.raises(UserError, match="expected one of executorch, onnxruntime"):
        build_runner("tflite")  # type: ignore[arg-type]
    monkeypatch.delenv("ANDROID_NDK_HOME", raising=False)
    with pytest.raises(UserError, match="set ANDROID_NDK_HOME"):
        build_runner(runtime, "android-arm64")
    hide(monkeypatch, tmp_path, "aarch64-linux-gnu-g++")
    with pytest.raises(UserError, match=r"apt-get install g\+\+-aarch64-linux-gnu"):
        build_runner(runtime, "aarch64-linux")


def hide(monkeypatch: pytest.MonkeyPatch, folder: Path, *tools: str) -> None:
    """Set a PATH with all tools that builds look for except these."""
    for name in TOOLS.keys() - set(tools):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))


def test_a_failed_download_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(packages, "version", lambda _: "0.0.1")  # there is no such version
    with pytest.raises(UserError, match=r"executorch==0\.0\.1 can't be downloaded"):
        packages.aarch64("executorch")
    monkeypatch.setattr(packages, "ANDROID_SHA256", "0" * 64)
    monkeypatch.setattr(packages, "download", pretend_download)
    with pytest.raises(UserError, match="its SHA-256 is not 00000"):
        packages.onnxruntime_android()
    assert not [*(tmp_path / "cache" / "packages").iterdir()]


def pretend_download(command: list[str], folder: Path) -> None:
    """Write an npm package that contains another archive."""
    (folder / "other.aar").write_bytes(b"other")
    with tarfile.open(folder / "package.tgz", "w:gz") as package:
        package.add(folder / "other.aar", packages.ANDROID_MEMBER)


def test_the_toolchain_of_the_ndk_is_used(monkeypatch, tmp_path):
    """A stand-in for the NDK: Debian's compiler, asked for as CMake asks for Android's."""
    file = tmp_path / "build" / "cmake" / "android.toolchain.cmake"
    file.parent.mkdir(parents=True)
    file.write_text(
        'if(NOT ANDROID_ABI STREQUAL "arm64-v8a")\n  message(FATAL_ERROR "which ABI?")\nendif()\n'
        "set(ANDROID TRUE)\nset(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR aarch64)\n"
        "set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)\n"
        "set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ANDROID_ABI)\n"
        "set(CMAKE_EXE_LINKER_FLAGS -Wl,--allow-shlib-undefined)  # Android's C library is absent\n"
    )
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    bundle = build_runner("onnxruntime", "android-arm64")
    assert (bundle.libraries, bundle.loader) == (("libonnxruntime.so",), None)
    assert (bundle.abi, bundle.command) == ("arm64-v8a", ("./runner",))
    assert "libonnxruntime.so" in needed(bundle.folder / bundle.program)
    with pytest.raises(UserError, match="build for aarch64-linux"):
        build_runner("executorch", "android-arm64")


def test_a_failed_build_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(packages, "installed", lambda _: tmp_path / "nothing")
    with pytest.raises(UserError, match=r"(?s)building the runner: cmake .* failed:.*executorch"):
        build_runner("executorch")
    assert not [*(tmp_path / "cache" / "runner").iterdir()]


def test_a_folder_is_made_once_by_several_threads(tmp_path):
    made = []

    def make(_: int) -> None:
        with packages.made_once(tmp_path / "packages" / "one") as work:
            if work:
                time.sleep(0.1)
                made.append(work)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(4)))
    assert len(made) == 1 and (tmp_path / "packages" / "one").is_dir()
