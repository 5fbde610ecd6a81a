"""Sound files of Debian packages: downloaded by name, checked by hash, never installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import sha256

ARCHIVES = {".zip", ".pk3", ".wz"}  # games keep their sounds in zip files of several names


@dataclass(frozen=True)
class Package:
    """One version of a package, as the package index describes it."""

    name: str
    version: str
    file: str  # name of the .deb file
    bytes: int
    sha256: str

    def of(self, folder: Path) -> Path:
        return folder / self.file


def find(names: Sequence[str]) -> tuple[list[Package], list[str]]:
    """Look packages up in the index: the ones found, and the names of those that are not there.

    Raises `UserError` where there is no apt, or its index is empty.
    """
    if shutil.which("apt-cache") is None:
        raise UserError("apt-cache is not there: packages come from Debian or a system like it")
    found, missing = [], []
    for name in names:
        shown = _run("apt-cache", "show", "--no-all-versions", name, check=False)
        fields = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)
        if "SHA256" not in fields:
            missing.append(name)
            continue
        file = f"{name}_{fields['Version'].replace(':', '%3a')}_{fields['Architecture']}.deb"
        found.append(Package(name, fields["Version"], file, int(fields["Size"]), fields["SHA256"]))
    if not found and missing:
        raise UserError(f"none of {len(missing)} packages is in the index; run: apt-get update")
    return found, missing


def download(package: Package, folder: Path) -> Path:
    """Return the package's .deb, downloaded unless it is there with the right hash.

    Raises `UserError` when the download fails or is not what the index says.
    """
    target = package.of(folder)
    if target.is_file() and sha256(target) == package.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _run("apt-get", "download", f"{package.name}={package.version}", cwd=Path(work))
        (made,) = Path(work).glob("*.deb")
        if sha256(made) != package.sha256:
            raise UserError(
                f"{package.name}: the download is not what the index says; run it again"
            )
        made.replace(target)
    return target


@contextmanager
def unpacked(deb: Path) -> Iterator[Path]:
    """Yield a temporary folder with all files of a .deb, those in archives inside it included."""
    with tempfile.TemporaryDirectory(prefix="deb-", dir=deb.parent) as name:
        root = Path(name)
        _run("dpkg-deb", "-x", str(deb), str(root))
        for archive in [path for path in root.rglob("*") if path.suffix.lower() in ARCHIVES]:
            _unzip(archive)
        yield root


def _unzip(archive: Path) -> None:
    """Put an archive's files into a folder of its name; a broken archive stays as it is."""
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(archive.with_name(f"{archive.name}.d"))
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        print(f"{archive.name}: left out, not a readable archive ({error})", flush=True)


def _run(*command: str, cwd: Path | None = None, check: bool = True) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if check and done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{' '.join(command[:3])} failed: {last}")
    return done.stdout
