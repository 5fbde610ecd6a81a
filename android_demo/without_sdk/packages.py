"""The tools that Google's repositories would give: downloaded once, pinned, checked by hash.

`python packages.py [NAME...]` downloads what is missing, all packages or those named,
and prints their folders. Nothing of it is committed; it lies in the project's cache, beside the
runner's packages.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Literal

from tiny_audio_ssl.bench.native.packages import download, made_once, onnxruntime_android
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir
from tiny_audio_ssl.utils.files import sha256

AAR = "onnxruntime-aar"  # the runner downloads it too; its name is made there


@dataclass(frozen=True)
class Package:
    """An archive of a registry, and what is kept of it."""

    registry: Literal["npm", "pypi"]
    pinned: str
    sha256: str
    wanted: tuple[str, ...]  # patterns; they match across /
    inside: str = ""  # of an archive within, where it is that which is wanted


PACKAGES = {
    "kotlin": Package(
        "npm",
        "kotlin-compiler@2.4.20",
        "c23dab400d7ce5ea8b6c909947c0ca5454189e4bb1108695b5f464500e5e950f",
        (
            "*/lib/kotlin-compiler.jar",
            "*/lib/kotlin-stdlib.jar",
            "*/lib/kotlin-script-runtime.jar",
            "*/lib/kotlin-reflect.jar",
            "*/lib/kotlin-daemon-client.jar",
            "*/lib/kotlinx-coroutines-core-jvm.jar",
            "*/lib/annotations-13.0.jar",
            "*/lib/kotlin-test.jar",
            "*/lib/kotlin-test-junit.jar",
        ),
    ),
    "android-tools": Package(  # aapt2 and the resources of Android itself come with apktool
        "pypi",
        "mobsf==4.4.0",
        "74329efc7eee885ca6b9448726ca448c6f5c7ca80ec3dc9a98ee11fb7cd7c0d4",
        ("*/apksigner.jar", "*/bundletool-all-1.17.2.jar", "*/apktool_2.10.0.jar"),
    ),
    "executorch-java": Package(  # its classes, to compile against
        "npm",
        "react-native-executorch@0.9.3",
        "70a20a865b82f47ac46c82711d93c2038cf99eccbb9b287494219063f2217622",
        ("package/android/libs/classes.jar",),
    ),
    "android-signatures": Package(
        "pypi",
        "chaquopy-stubs-android==36.20260406",
        "5e18511ccb7ae519d8c4643408cf16262fa5f20eb1d1a7e97cfe28de16e12008",
        ("android-stubs/*", "java-stubs/*"),
    ),
    "onnxruntime-java": Package(  # ONNX Runtime's Java classes for the JVM, within a search engine
        "pypi",
        "pyserini==1.6.0",
        "e34761d700b33613c26bc61113effc6d65598dee6ada28a33214f79350f833f4",
        ("ai/onnxruntime/*.class", "ai/onnxruntime/native/linux-x64/libonnxruntime4j_jni.so"),
        "*/anserini-1.7.1-fatjar.jar",
    ),
}


def folder() -> Path:
    return default_cache_dir() / "packages" / "android"


def fetch(name: str) -> Path:
    """The folder with what is wanted of a package; downloaded if it is missing.

    Raises `UserError`: it can't be downloaded, or is not the file that it was.
    """
    package = PACKAGES[name]
    target = folder() / f"{name}-{package.sha256[:12]}"
    with made_once(target) as work, tempfile.TemporaryDirectory() as scratch:
        if work:
            archive = _downloaded(package, Path(scratch))
            for member, data in _members(package, archive):
                file = work / member
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
    return target


def fetch_all() -> dict[str, Path]:
    """Every package's folder, by name."""
    with ThreadPoolExecutor() as pool:
        aar = pool.submit(onnxruntime_android)
        found = dict(zip(PACKAGES, pool.map(fetch, PACKAGES), strict=True))
        return found | {AAR: aar.result()}


def _downloaded(package: Package, scratch: Path) -> Path:
    if package.registry == "npm":
        download(["npm", "pack", "--silent", package.pinned], scratch)
        (file,) = scratch.glob("*.tgz")
        if sha256(file) != package.sha256:
            raise UserError(f"{package.pinned}: not the file that it was; its SHA-256 is another")
        return file
    # pip checks the hash itself, before it looks inside.
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{package.pinned} --hash=sha256:{package.sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    download([*pip, "-r", str(wanted)], scratch)
    wanted.unlink()
    (file,) = scratch.iterdir()
    return file


def _members(package: Package, archive: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for member, data in _archive(archive, (package.inside,) if package.inside else package.wanted):
        if not package.inside:
            yield PurePosixPath(member), data
            continue
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            for name in inner.namelist():
                if _matches(name, package.wanted):
                    yield PurePosixPath(name), inner.read(name)


def _archive(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Files of a zip or tar archive; their paths must stay within a folder."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if _matches(name, wanted):
                    yield name, archive.read(name)
        return
    with tarfile.open(path) as packed:
        for info in packed:
            file = packed.extractfile(info) if _matches(info.name, wanted) else None
            if file is not None:
                yield info.name, file.read()


def _matches(name: str, wanted: tuple[str, ...]) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name.endswith("/"):
        return False
    return any(fnmatch(name, pattern) for pattern in wanted)


if __name__ == "__main__":
    try:
        places = {name: fetch(name) for name in sys.argv[1:]} or fetch_all()
        for package_name, place in places.items():
            print(f"{package_name.replace('-', '_')}={place}")
    except (UserError, subprocess.SubprocessError) as error:
        sys.exit(f"packages.py: {error}")
