"""Libraries and headers of the runtimes: of installed packages, or downloaded once to the cache.

The wheels have libraries for x86-64 and 64-bit ARM. ONNX Runtime's have no headers; these are taken
from its Android archive, and newer libraries keep its C interface.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils import files
from tiny_audio_ssl.utils.cache_dir import default_cache_dir

EXTRAS = {"executorch": "executorch", "onnxruntime": "onnx"}
WANTED = {  # parts of each wheel to keep
    "executorch": ("executorch/include/", "executorch/lib/", "executorch/share/"),
    "onnxruntime": ("onnxruntime/capi/libonnxruntime.so",),
}
AARCH64 = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")

ANDROID = "com.github.asus4.onnxruntime@0.4.9"  # on npm: holds the archive of ONNX Runtime 1.29.0
ANDROID_MEMBER = "package/Plugins/Android/onnxruntime.aar"
ANDROID_SHA256 = "98cddbac92640b4a6af72a03c42e0491851f366d3da66bbaeb5dd66310946cf2"
ANDROID_WANTED = ("headers/", "jni/", "classes.jar")


def version(package: str) -> str:
    """Return the version of an installed package. Raises `UserError` without it."""
    try:
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(
            f"{package} is not installed; install it with "
            f'pip install "tiny-audio-ssl[{EXTRAS[package]}]"'
        ) from error


def installed(package: str) -> Path:
    """Return the folder of an installed package without importing it, which takes seconds."""
    return Path(str(importlib.metadata.distribution(package).locate_file(package)))


def aarch64(package: str) -> Path:
    """Return the package's folder from the 64-bit ARM Linux wheel of the installed version."""
    pinned = f"{package}=={version(package)}"
    return kept(f"{pinned}-aarch64", lambda to: _wheel(pinned, to), WANTED[package]) / package


def onnxruntime_android() -> Path:
    """Return a folder with `headers/`, `classes.jar` and `jni/ABI/*.so` of ONNX Runtime."""
    return kept(f"onnxruntime-aar-{ANDROID_SHA256[:12]}", _android_archive, ANDROID_WANTED)


def kept(name: str, fetch: Callable[[Path], Path], wanted: tuple[str, ...]) -> Path:
    """Return a folder in the cache with the wanted members of the zip file that `fetch` returns."""
    folder = default_cache_dir() / "packages" / name
    with made_once(folder) as work:
        if work:
            with (
                tempfile.TemporaryDirectory() as scratch,
                zipfile.ZipFile(fetch(Path(scratch))) as archive,
            ):
                members = [member for member in archive.namelist() if member.startswith(wanted)]
                archive.extractall(work, members)
    return folder


@contextmanager
def made_once(folder: Path) -> Iterator[Path | None]:
    """Yield a work folder that becomes `folder`, or None if `folder` exists.

    Of several processes one fills it and the others wait. A failure leaves nothing behind.
    """
    if folder.is_dir():
        yield None
        return
    locks = folder.parent.with_name("locks")
    with files.explained(locks):
        locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{folder.name}.lock"):
        if folder.is_dir():
            yield None
            return
        with files.atomic_folder(folder) as work:
            yield work


def _wheel(pinned: str, folder: Path) -> Path:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--python-version", python]
    command += [option for name in AARCH64 for option in ("--platform", name)]
    download([*command, pinned], folder)
    return next(folder.glob("*.whl"))


def _android_archive(folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise UserError(
            "npm, which downloads headers, was not found; install it with apt-get install npm"
        )
    download(["npm", "pack", "--silent", ANDROID], folder)
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        package.extract(ANDROID_MEMBER, folder, filter="data")
    archive = folder / ANDROID_MEMBER
    if files.sha256(archive) != ANDROID_SHA256:
        raise UserError(
            f"{ANDROID}: its SHA-256 is not {ANDROID_SHA256[:12]}...; the registry serves another "
            "file than the one this version was tested with"
        )
    return archive


def download(command: list[str], folder: Path) -> None:
    """Run a download command within a folder. Raises `UserError` with its last line of output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise UserError(
            f"{command[-1]} can't be downloaded ({said[-1] if said else 'no reason given'}); "
            f"to try by hand: {' '.join(command)}"
        )
