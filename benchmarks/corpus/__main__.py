"""Assemble a corpus of free sound for pre-training: 16 kHz FLAC, and a manifest that credits it.

python benchmarks/corpus OUT --folders FOLDER...

Says first what it downloads and how much. After an interruption, the same command continues.
Needs a Debian system (for apt-get and dpkg-deb) and `pip install -e ".[corpus]"`.
Writes OUT/manifest.csv (all files, with authors and licenses), OUT/skipped/ (what was left out, and
why), OUT/windows.csv (for `tiny-audio-ssl pretrain`) and OUT/summary.csv.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import packages
import summary
import tyro
from assembly import Source, assemble, listed, verify
from folders import Terms, folder_sources
from licenses import tier_of
from windows import Draw, write_windows

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import write_rows

LIST = Path(__file__).with_name("packages.toml")


@dataclass(frozen=True)
class Corpus:
    """Options of the command."""

    out: Annotated[Path, tyro.conf.Positional]
    """Folder of the corpus."""
    packages: tuple[str, ...] | None = None
    """Debian packages out of packages.toml. Default: all of them; nothing after it: none."""
    folders: tuple[Path, ...] = ()
    """Folders with a meta.csv (filename, license, author, kind), with a corpus.toml (license,
    author, kind), or repositories under one license, given by --terms."""
    terms: Terms = field(default_factory=Terms)
    """License and author of the files in folders that have neither table."""
    draw: Annotated[Draw, tyro.conf.OmitArgPrefixes] = field(default_factory=Draw)
    yes: bool = False
    """Download without asking."""
    verify: bool = False
    """Compare all files with their hashes first, and write sources that differ anew."""


def main(corpus: Corpus) -> None:
    """Assemble the corpus. Raises `UserError` with what is missing, after all else is done."""
    for module in ("av", "debian.copyright"):
        require(module, "corpus")
    own = folder_sources(corpus.folders, corpus.terms)  # raises before anything is downloaded
    if corpus.verify:
        verify(corpus.out)
    from_debian, failed = _from_debian(corpus)
    if taken := sorted({s.name for s in from_debian} & {s.name for s in own}):
        raise UserError(f"{', '.join(taken)}: a package has this name; rename the folder")
    for source in [*from_debian, *own]:
        try:
            assemble(corpus.out, source)
        except packages.PackageError as error:
            print(error, flush=True)
            failed.append(source.name)
    rows = [row for row in listed(corpus.out) if corpus.draw.tier in ("all", row["tier"])]
    if not rows:
        raise UserError(f"{corpus.out}: no file was written; the reasons are in its folder skipped")
    write_rows(corpus.out / "manifest.csv", rows)
    write_rows(corpus.out / "summary.csv", summary.by_source(rows))
    print(summary.table(rows))
    write_windows(corpus.out, corpus.draw)
    if failed:
        raise UserError(f"left out: {', '.join(failed)}; run the same command again to retry")


def _from_debian(corpus: Corpus) -> tuple[list[Source], list[str]]:
    """Return the packages to assemble, after asking whether to download them, and the missing."""
    known = tomllib.loads(LIST.read_text(encoding="utf-8"))
    chosen = list(known) if corpus.packages is None else list(corpus.packages)
    if unknown := sorted(set(chosen) - set(known)):
        raise UserError(f"{', '.join(unknown)}: not in {LIST.name}; add them, or choose from it")
    if corpus.draw.tier == "permissive":
        chosen = [name for name in chosen if _may_be_permissive(known[name])]
    versions = {row["source"]: row["version"] for row in listed(corpus.out)}
    done = {path.stem for path in (corpus.out / "lists").glob("*.csv")}
    if done.issuperset(chosen):
        return [], []
    found, missing = packages.find(chosen)
    for name in missing:
        kept = f"; kept as it is: {versions.get(name, '')}" if name in done else "; left out"
        print(f"{name}: not in this system's package index{kept}")
    for package in found:
        if versions.get(package.name, package.version) != package.version:
            print(
                f"{package.name}: {versions[package.name]} was assembled and is kept; the index "
                f"has {package.version}. Delete lists/{package.name}.csv to take it"
            )
    new = [package for package in found if package.name not in done]
    _ask(corpus, new)
    debs = corpus.out / "packages"
    packages.remove_leftovers(debs)
    sources = [packages.source(package, debs, known[package.name]) for package in new]
    return sources, [name for name in missing if name not in done]


def _may_be_permissive(about: Mapping[str, Any]) -> bool:
    return tier_of(about.get("license", "MIT")) == "permissive"


def _ask(corpus: Corpus, new: Sequence[packages.Package]) -> None:
    """Say what will be downloaded, and ask. Raises `UserError`: no, nobody there, no space."""
    debs = corpus.out / "packages"
    wanted = [package for package in new if not package.of(debs).is_file()]
    mb = sum(package.bytes for package in wanted) / 1e6
    print(f"{len(new)} packages to assemble, {len(wanted)} to download: {mb:.0f} MB into {debs}")
    for package in wanted:
        print(f"  {package.name} {package.version}, {package.bytes / 1e6:.1f} MB")
    corpus.out.mkdir(parents=True, exist_ok=True)
    unpacked_mb = 3 * max((package.bytes for package in new), default=0) / 1e6
    free_mb = shutil.disk_usage(corpus.out).free / 1e6
    if mb + unpacked_mb > free_mb:
        raise UserError(
            f"{corpus.out}: {free_mb:.0f} MB free, and {mb + unpacked_mb:.0f} MB are needed to "
            "download and unpack; free some, name another folder, or choose --packages"
        )
    if not wanted or corpus.yes:
        return
    try:
        answer = input("Download? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise UserError("nothing was downloaded; answer y, or give --yes to go on without asking")


if __name__ == "__main__":
    try:
        main(tyro.cli(Corpus))
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to continue")
