"""The recordings of the benchmarks: which there are, and how downloads become a folder of data."""

from __future__ import annotations

import io
import tarfile
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import numpy as np
import soundfile

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import atomic_file, read_rows, write_rows

HERE = Path(__file__).resolve().parent
ARCHIVES = {".zip", ".tar", ".gz", ".tgz"}
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError)

Row = dict[str, str]
File = tuple[str, Callable[[], BinaryIO]]  # path, and a function that opens it


@dataclass(frozen=True)
class Source:
    """Recordings of one origin: rows of a listing, and of a manifest below the folder of data."""

    name: str
    manifest: str
    listing: str
    license: str
    url: str
    get: tuple[str, ...]
    where: tuple[str, ...] = ()  # `column=value`, where several share a listing
    original: str = ""  # end of the path in the download; empty for what is rendered
    seconds: float = 0.0

    def rows(self) -> list[Row]:
        """Return the listed recordings, `filename` relative to the folder of the manifest."""
        return [row for row in read_rows(HERE / self.listing) if self.has(row)]

    def has(self, row: Row) -> bool:
        return all(row.get(key) == value for key, value in (c.split("=", 1) for c in self.where))

    def missing(self, data: Path) -> str:
        """Return a sentence about what is missing; empty if nothing is."""
        path, listed = data / self.manifest, self.rows()
        if missing := missing_columns(path, list(listed[0])):
            return missing
        found = sum(self.has(dict(clip.columns)) for clip in open_corpus(path).clips)
        return f"{path} has {found} of {len(listed)} recordings" if found < len(listed) else ""

    def original_of(self, row: Row) -> str:
        """Return the end of a recording's path in the download, without the file extension."""
        return self.original.format(stem=PurePosixPath(row["filename"]).stem, **row)


@dataclass(frozen=True)
class UnlabeledCorpus:
    """Sound that some scripts train on; other sound of its kind can take its place."""

    name: str
    manifest: str
    columns: tuple[str, ...]
    urls: tuple[str, ...]

    def missing(self, data: Path) -> str:
        """Return a sentence about what is missing; empty if nothing is."""
        return missing_columns(data / self.manifest, self.columns)


def missing_columns(manifest: Path, columns: Sequence[str]) -> str:
    """Return a sentence about a manifest without these columns, or that can't be read, else ''."""
    if not manifest.is_file():
        return f"{manifest} not found"
    try:
        clips = open_corpus(manifest).clips
    except UserError as error:
        return str(error)
    there = {"filename", *(clips[0].columns if clips else ())}
    absent = [column for column in columns if column not in there]
    return f"{manifest} has no column {', '.join(absent)}" if absent else ""


def sources() -> list[Source]:
    """Return the labeled recordings that data.toml lists."""
    return [Source(**table) for table in _tables("source")]


def corpora() -> list[UnlabeledCorpus]:
    """Return the unlabeled recordings that data.toml lists."""
    return [UnlabeledCorpus(**table) for table in _tables("corpus")]


def _tables(kind: str) -> list[dict[str, Any]]:
    with (HERE / "data.toml").open("rb") as file:
        tables = tomllib.load(file)[kind]
    return [{k: tuple(v) if isinstance(v, list) else v for k, v in t.items()} for t in tables]


def lay_out(wanted: Sequence[Source], data: Path, downloads: Path) -> int:
    """Write the recordings of `wanted` that are in `downloads` below `data`; return their number.

    They become 16-bit FLAC, 16 kHz, mono. Archives are read without being unpacked. Rows that a
    manifest has already stay. Raises `UserError` for archives and recordings that can't be read.
    """
    places = {s.original_of(row): (s, row) for s in wanted if s.original for row in s.rows()}
    count = 0
    for path, opened in _files(downloads) if places else ():
        parts = PurePosixPath(path.replace(" ", "_")).with_suffix("").parts
        for key in (parts[-1], "/".join(parts[-2:])):
            if found := places.pop(key, None):
                source, row = found
                target = data / PurePosixPath(source.manifest).parent / row["filename"]
                write(target, _decoded(path, opened, source.seconds))
                count += 1
    return count


def add_to_manifests(listed: Sequence[Source], data: Path) -> None:
    """Add those listed recordings that are in the folder of data to its manifests."""
    for source in listed:
        manifest = data / source.manifest
        rows = [row for row in source.rows() if (manifest.parent / row["filename"]).is_file()]
        old = read_rows(manifest) if manifest.is_file() else []
        known = {row.get("filename") for row in old}
        if new := [row for row in rows if row["filename"] not in known]:
            write_rows(manifest, [*old, *new])


def write(target: Path, waveform: audio.Waveform) -> None:
    """Write a waveform `[samples]`, 16 kHz, as 16-bit FLAC."""
    with atomic_file(target) as work:
        soundfile.write(work, audio.to_int16(waveform), audio.SAMPLE_RATE_HZ, format="FLAC")


def _decoded(path: str, opened: Callable[[], BinaryIO], seconds: float) -> audio.Waveform:
    """Return a recording cut or, with silence, extended to `seconds`, unless that is 0."""
    try:
        content = opened().read()
    except DAMAGED as error:
        raise _damaged(path, error) from error
    with tempfile.NamedTemporaryFile(suffix=PurePosixPath(path).suffix) as copy:
        copy.write(content)
        copy.flush()
        try:
            waveform = audio.read(copy.name, end_s=seconds or None)
        except audio.AudioError as error:
            raise _damaged(path, error.reason) from error
    missing = round(seconds * audio.SAMPLE_RATE_HZ) - len(waveform)
    return np.pad(waveform, (0, max(missing, 0)))


def _files(folder: Path) -> Iterator[File]:
    """Yield the files below a folder, and those in its archives; none of hidden folders."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.suffix not in ARCHIVES:
            yield path.as_posix(), partial(cast("Callable[..., BinaryIO]", path.open), "rb")
            continue
        try:
            yield from _zipped(path) if path.suffix == ".zip" else _tarred(path)
        except DAMAGED as error:
            raise _damaged(path, error) from error


def _damaged(path: str | Path, reason: object) -> UserError:
    return UserError(f"{path}: {reason}; delete what is damaged and download it again")


def _opened(read: Callable[[], bytes]) -> BinaryIO:
    return io.BytesIO(read())


def _zipped(path: Path) -> Iterator[File]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield f"{path}/{name}", partial(_opened, partial(archive.read, name))


def _tarred(path: Path) -> Iterator[File]:
    """Yield the files of an archive, each to be opened before the next one."""
    with tarfile.open(path) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield f"{path}/{member.name}", partial(_opened, file.read)
