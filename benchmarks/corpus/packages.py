"""Sound files of Debian packages: downloaded by name, checked by hash, never installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import sounds
from assembly import Found, Source
from licenses import License, PackageLicenses

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import sha256

ARCHIVES = {".zip", ".pk3", ".wz"}  # games keep their sounds in zip files of several names
UNPACKED = "unpacked-"  # temporary folders


class PackageError(UserError):
    """A package that can't be downloaded or unpacked; others may be."""


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
    """Look packages up in the index: return those found, and the names of the others.

    Raises `UserError` where there is no apt, or its index is empty.
    """
    shown = _run("apt-cache", "show", "--no-all-versions", *names, check=False)
    known = {package.name: package for package in map(_package, shown.split("\n\n")) if package}
    found = [known[name] for name in names if name in known]
    missing = [name for name in names if name not in known]
    if not found and missing:
        raise UserError(f"none of {len(missing)} packages is in the index; run: apt-get update")
    return found, missing


def _package(paragraph: str) -> Package | None:
    """Read a paragraph of the index; None if it has no file, as of virtual packages."""
    fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
    if "SHA256" not in fields:
        return None
    name, version = fields["Package"], fields["Version"]
    file = f"{name}_{version.replace(':', '%3a')}_{fields['Architecture']}.deb"
    return Package(name, version, file, int(fields["Size"]), fields["SHA256"])


def source(package: Package, debs: Path, about: Mapping[str, Any]) -> Source:
    """Return a package as a source; `about` is its entry in packages.toml."""
    return Source(package.name, package.version, partial(_files, package, debs, about))


def _files(package: Package, debs: Path, about: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the sound files of a package, each with its kind and license."""
    unknown = License("unknown", "")
    with unpacked(download(package, debs)) as (root, broken):
        of = _terms(root, package.name, about)
        for path in sounds.sound_files(root):
            name = path.relative_to(root)
            kinds = (kind for part, kind in about.get("kinds", {}).items() if part in f"/{name}")
            terms = of(PurePosixPath(name)) or unknown
            yield Found(path, str(name), next(kinds, about["kind"]), terms)
        for archive, problem in broken.items():
            yield Found(root, archive, about["kind"], unknown, problem)


def _terms(
    root: Path, name: str, about: Mapping[str, Any]
) -> Callable[[PurePosixPath], License | None]:
    """Return what gives the license of an installed file: packages.toml, or the package itself."""
    if "license" in about:
        stated = License(about["license"], about.get("author", name))
        return lambda _: stated
    try:
        return PackageLicenses(root / "usr" / "share" / "doc" / name / "copyright").of
    except ValueError:
        no_file = License("unknown: no machine-readable copyright file", "")
        return lambda _: no_file


def download(package: Package, folder: Path) -> Path:
    """Return the package's .deb, downloaded unless it is there with the right hash.

    Raises `PackageError` when the download fails or is not what the index says.
    """
    target = package.of(folder)
    if target.is_file() and sha256(target) == package.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNPACKED, dir=folder) as work:
        _run("apt-get", "download", f"{package.name}={package.version}", cwd=Path(work))
        (made,) = Path(work).glob("*.deb")
        if sha256(made) != package.sha256:
            raise PackageError(
                f"{package.name}: the download is not what the index says; run it again"
            )
        made.replace(target)
    return target


@contextmanager
def unpacked(deb: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a temporary folder with all files of a .deb, those in archives inside it included.

    Beside it, the archives that can't be read, by name, with reasons. Raises `PackageError` if the
    .deb itself can't be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix=UNPACKED, dir=deb.parent) as name:
        root = Path(name)
        _run("dpkg-deb", "-x", str(deb), str(root))
        broken = {}
        archives = [path for path in root.rglob("*") if path.suffix.lower() in ARCHIVES]
        for archive in sorted(path for path in archives if path.is_file()):
            if problem := _unzip(archive):
                broken[archive.relative_to(root).as_posix()] = problem
        yield root, broken


def remove_leftovers(debs: Path) -> None:
    """Remove what a run that was killed had unpacked or half downloaded."""
    for folder in debs.glob(f"{UNPACKED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _unzip(archive: Path) -> str:
    """Put an archive's files into a folder of its name; return why it can't be read, or nothing."""
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(archive.with_name(f"{archive.name}.d"))
    except OSError as error:
        raise PackageError(f"{archive.name}: can't be unpacked ({error})") from error
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
        return f"not a readable archive ({error})"
    return ""


def _run(*command: str, cwd: Path | None = None, check: bool = True) -> str:
    if shutil.which(command[0]) is None:
        raise UserError(f"{command[0]} not found: this needs Debian or a similar system")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace")
    if check and done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PackageError(f"{' '.join(command[:3])} failed: {last}")
    return done.stdout
