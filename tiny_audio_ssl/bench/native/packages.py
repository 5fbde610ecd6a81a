"""The runtimes' libraries and headers: of installed packages, or downloaded once into the cache.

The wheels have libraries for x86-64 and 64-bit ARM. ONNX Runtime's have no headers; those are taken
from its Android archive, and newer libraries keep their C interface.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils import files
from tiny_audio_ssl.utils.cache_dir import default_cache_dir

EXTRAS = {"executorch": "executorch", "onnxruntime": "onnx"}
WANTED = {  # what of a wheel is kept
    "executorch": ("executorch/include/", "executorch/lib/", "executorch/share/"),
    "onnxruntime": ("onnxruntime/capi/libonnxruntime.so",),
}
AARCH64 = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")

ANDROID = "com.github.asus4.onnxruntime@0.4.9"  # on npm: holds the archive of ONNX Runtime 1.29.0
ANDROID_MEMBER = "package/Plugins/Android/onnxruntime.aar"
ANDROID_SHA256 = "98cddbac92640b4a6af72a03c42e0491851f366d3da66bbaeb5dd66310946cf2"
ANDROID_WANTED = ("headers/", "jni/", "classes.jar")


def version(package: str) -> str:
    """Of the installed package; a `UserError` without it."""
    try:
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(
            f"{package} is not installed; install it with "
            f'pip install "tiny-audio-ssl[{EXTRAS[package]}]"'
        ) from error


def installed(package: str) -> Path:
    """Its folder, found without the seconds that importing takes."""
    return Path(str(importlib.metadata.distribution(package).locate_file(package)))


def aarch64(package: str) -> Path:
    """The package's folder from the wheel of the installed version for 64-bit ARM Linux."""
    pinned = f"{package}=={version(package)}"
    return kept(f"{pinned}-aarch64", lambda to: _wheel(pinned, to), WANTED[package]) / package


def onnxruntime_android() -> Path:
    """`headers/`, `classes.jar` and `jni/ABI/*.so` of ONNX Runtime's Android archive."""
    return kept(f"onnxruntime-aar-{ANDROID_SHA256[:12]}", _android_archive, ANDROID_WANTED)


def kept(name: str, fetch: Callable[[Path], Path], wanted: tuple[str, ...]) -> Path:
    """A folder in the cache with the wanted members of the zip file that `fetch` gives."""
    folder = default_cache_dir() / "packages" / name
    if not folder.is_dir():
        with (
            files.atomic_folder(folder) as work,
            tempfile.TemporaryDirectory() as scratch,
            zipfile.ZipFile(fetch(Path(scratch))) as archive,
        ):
            members = [member for member in archive.namelist() if member.startswith(wanted)]
            archive.extractall(work, members)
    return folder


def _wheel(pinned: str, folder: Path) -> Path:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--python-version", python]
    command += [option for name in AARCH64 for option in ("--platform", name)]
    download([*command, pinned], folder)
    return next(folder.glob("*.whl"))


def _android_archive(folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise UserError("npm not found, which downloads headers; apt-get install npm")
    download(["npm", "pack", "--silent", ANDROID], folder)
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        package.extract(ANDROID_MEMBER, folder, filter="data")
    archive = folder / ANDROID_MEMBER
    if files.sha256(archive) != ANDROID_SHA256:
        raise UserError(f"{ANDROID}: not the file that it was; its SHA-256 is another")
    return archive


def download(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise UserError(
            f"{command[-1]} can't be downloaded ({said[-1] if said else 'no reason given'}); "
            f"to try by hand: {' '.join(command)}"
        )
