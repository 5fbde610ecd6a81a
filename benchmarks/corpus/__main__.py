"""Assemble a corpus of free sound for pre-training: 16 kHz FLAC, and a manifest that credits it.

python benchmarks/corpus OUT --folders ../shared/data/free_speech ../shared/data/free_sounds

Says first what it downloads and how much. Interrupted, the same command goes on where it was.
Needs a Debian system (for apt-get and dpkg-deb) and `pip install av python-debian`.
"""

from __future__ import annotations

import csv
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import packages
import sounds
import tyro
from licenses import License, PackageLicenses, Tier, tier_of

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import sha256, write_rows

LIST = Path(__file__).with_name("packages.toml")
KINDS_OF_FOLDERS = {"free_speech": "words", "free_sounds": "sounds"}


@dataclass
class Corpus:
    """Options of the command."""

    out: Annotated[Path, tyro.conf.Positional]
    """Folder of the corpus."""
    tier: Literal["permissive", "all"] = "all"
    """`permissive`: CC0, BSD, MIT, Apache, CC BY; `all`: free licenses with copyleft too."""
    packages: tuple[str, ...] = ()
    """Debian packages out of packages.toml; all of them by default."""
    folders: tuple[Path, ...] = ()
    """Folders with a meta.csv (filename, license, author) or repositories that you have cloned."""
    yes: bool = False
    """Download without asking."""


@dataclass(frozen=True)
class Row:
    """One file of the corpus, as a line of manifest.csv."""

    path: str
    kind: str
    source: str
    version: str
    original: str
    author: str
    license: str
    tier: Tier
    seconds: float
    sha256: str
    content: str


def main(corpus: Corpus) -> None:
    known = tomllib.loads(LIST.read_text())
    if unknown := sorted(set(corpus.packages) - set(known)):
        raise UserError(f"{', '.join(unknown)}: not in {LIST.name}; add them, or choose from it")
    found, missing = packages.find(corpus.packages or list(known))
    for name in missing:
        print(f"{name}: not in this system's package index; left out")
    debs = corpus.out / "packages"
    wanted = [p for p in found if not p.of(debs).is_file()]
    print(f"{len(found)} packages, {len(wanted)} to download: {_mb(wanted):.0f} MB into {debs}")
    if wanted and not corpus.yes and input("Download? [y/N] ").strip().lower() != "y":
        raise UserError("nothing was downloaded; --yes goes on without asking")
    seen: set[str] = set()
    for package in found:
        source = partial(_package, package, debs, known[package.name])
        _assemble(corpus.out, package.name, package.version, seen, source)
    for folder in corpus.folders:
        _assemble(corpus.out, folder.name, "", seen, partial(_folder, folder))
    rows = [row for part in sorted((corpus.out / "lists").glob("*.csv")) for row in _read(part)]
    if corpus.tier == "permissive":
        rows = [row for row in rows if row["tier"] == "permissive"]
    write_rows(corpus.out / "manifest.csv", rows)
    _summarize(rows)


Found = tuple[Path, str, str, License]  # file, its name in the source, kind, terms


def _assemble(
    out: Path, name: str, version: str, seen: set[str], source: Callable[[], Iterator[Found]]
) -> None:
    """Write a source's files and its list, unless an earlier run has; adds to `seen` contents."""
    listed = out / "lists" / f"{name}.csv"
    if listed.is_file():
        seen |= {row["content"] for row in _read(listed)}
        return
    rows: list[Row] = []
    skipped: list[dict[str, str]] = []
    for path, original, kind, terms in source():
        try:
            waveform, content, tier = _usable(path, terms, seen)
        except UserError as error:
            skipped.append({"original": original, "reason": str(error)})
            continue
        target = out / "audio" / name / f"{len(rows):05d}.flac"
        sounds.write(target, waveform)
        seen.add(content)
        seconds = round(len(waveform) / SAMPLE_RATE_HZ, 3)
        place = str(target.relative_to(out))
        rows.append(
            Row(place, kind, name, version, original, terms.author, terms.name, tier, seconds,
                sha256(target), content)
        )  # fmt: skip
    write_rows(out / "skipped" / f"{name}.csv", skipped)
    write_rows(listed, map(asdict, rows))
    hours = sum(row.seconds for row in rows) / 3600
    print(f"{name}: {len(rows)} files, {hours:.2f} h; {len(skipped)} left out", flush=True)


def _usable(path: Path, terms: License, seen: set[str]) -> tuple[Waveform, str, Tier]:
    """Return a file's sound, its content hash and tier. Raises `UserError`: why it is left out."""
    tier = tier_of(terms.name)
    if tier is None:
        raise UserError(f"license {terms.name}")
    waveform = sounds.read(path)
    if reason := sounds.reason_to_leave_out(waveform):
        raise UserError(reason)
    content = sounds.content_of(waveform)
    if content in seen:
        raise UserError("the same sound is there already")
    return waveform, content, tier


def _read(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def _package(package: packages.Package, debs: Path, about: dict[str, Any]) -> Iterator[Found]:
    """The sound files of a package, each with its kind and license."""
    with packages.unpacked(packages.download(package, debs)) as root:
        stated = License(about["license"], package.name) if "license" in about else None
        terms = None
        if stated is None:
            terms = PackageLicenses(root / "usr" / "share" / "doc" / package.name / "copyright")
        for path in sounds.sound_files(root):
            name = PurePosixPath(path.relative_to(root))
            license_ = stated or (terms.of(name) if terms else None)
            kinds = (kind for part, kind in about.get("kinds", {}).items() if part in f"/{name}")
            yield path, str(name), next(kinds, about["kind"]), license_ or License("unknown", "")


def _folder(folder: Path) -> Iterator[Found]:
    """The files that a folder's meta.csv lists, with their licenses."""
    table = folder / "meta.csv"
    if not table.is_file():
        raise UserError(f"{table}: not there; list the files with filename, license and author")
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            kind = row.get("kind") or KINDS_OF_FOLDERS.get(folder.name, "sounds")
            if folder.name == "free_speech" and row.get("part") != "words":
                kind = "speech"
            credit = row.get("author") or row.get("speaker") or row.get("source", "")
            terms = License(row["license"].replace(" ", "-"), credit)
            yield folder / row["filename"], row["filename"], kind, terms


def _mb(found: Sequence[packages.Package]) -> float:
    return sum(package.bytes for package in found) / 1e6


def _summarize(rows: Sequence[dict[str, Any]]) -> None:
    for kind in sorted({row["kind"] for row in rows}):
        for tier in ("permissive", "copyleft"):
            own = [float(r["seconds"]) for r in rows if r["kind"] == kind and r["tier"] == tier]
            print(f"{kind:8} {tier:10} {len(own):6} files {sum(own) / 3600:6.2f} h")


if __name__ == "__main__":
    try:
        main(tyro.cli(Corpus))
    except UserError as error:
        sys.exit(f"error: {error}")
