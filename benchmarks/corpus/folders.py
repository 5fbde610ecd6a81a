"""Folders of sound that a user has: with a table of files, or under one license."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sounds
from assembly import Found, Source
from licenses import License
from windows import KINDS

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import short_names

TABLE, SETTINGS = "meta.csv", "corpus.toml"
KINDS_OF_FOLDERS = {"free_speech": "speech", "free_sounds": "sounds"}


@dataclass(frozen=True)
class Terms:
    """Terms of a folder's files, as in its corpus.toml."""

    license: str = ""
    """License of all files, such as CC0-1.0."""
    author: str = ""
    """Whom to credit."""
    kind: str = "sounds"
    """Kind of sound: speech, words, sounds, music or notes."""


def folder_sources(paths: Sequence[Path], terms: Terms) -> list[Source]:
    """Return the sources of folders. Raises `UserError` for one whose license nobody states."""
    names = [name.replace("/", "-") for name in short_names(paths)]
    return [_source(name, path, terms) for name, path in zip(names, paths, strict=True)]


def _source(name: str, folder: Path, terms: Terms) -> Source:
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder")
    if (folder / TABLE).is_file():
        return Source(name, "", partial(_by_table, folder, _rows(folder / TABLE)))
    if (folder / SETTINGS).is_file():
        terms, kinds = _settings(folder / SETTINGS)
    else:
        kinds = {}
    if not terms.license:
        raise UserError(
            f"{folder}: no license is stated. Put a {TABLE} (filename, license, author, kind) or a "
            f'{SETTINGS} (license = "MIT", author = "...", kind = "sounds") into it, or give '
            "--terms.license for all folders without one"
        )
    _check_kinds(folder, [terms.kind, *kinds.values()])
    return Source(name, "", partial(_under_one_license, folder, terms, kinds))


def _settings(path: Path) -> tuple[Terms, Mapping[str, str]]:
    try:
        about: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML: {error}") from error
    kinds = about.pop("kinds", {})
    if unknown := sorted(set(about) - set(asdict(Terms()))):
        raise UserError(f"{path}: {', '.join(unknown)}; expected license, author, kind and kinds")
    return Terms(**about), kinds


def _check_kinds(place: Path, kinds: Sequence[str]) -> None:
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise UserError(f"{place}: kind {unknown[0]!r}, expected one of {', '.join(KINDS)}")


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"filename", "license"} <= set(rows[0]):
        raise UserError(f"{table}: expected rows with the columns filename, license and author")
    for row in rows:
        row["kind"] = row.get("kind") or _kind(table.parent.name, row)
    _check_kinds(table, [row["kind"] for row in rows])
    return rows


def _kind(folder: str, row: Mapping[str, str]) -> str:
    return "words" if row.get("part") == "words" else KINDS_OF_FOLDERS.get(folder, "sounds")


def _by_table(folder: Path, rows: Sequence[Mapping[str, str]]) -> Iterator[Found]:
    for row in rows:
        credit = row.get("author") or row.get("speaker") or row.get("source") or ""
        terms = License(row["license"].strip().replace(" ", "-") or "unknown", credit)
        yield Found(folder / row["filename"], row["filename"], row["kind"], terms)


def _under_one_license(folder: Path, terms: Terms, kinds: Mapping[str, str]) -> Iterator[Found]:
    for path in sounds.sound_files(folder):
        name = path.relative_to(folder).as_posix()
        kind = next((kinds[part] for part in kinds if part in f"/{name}"), terms.kind)
        yield Found(path, name, kind, License(terms.license, terms.author or folder.name))
