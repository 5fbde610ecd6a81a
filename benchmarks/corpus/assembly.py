"""Write the files of one source, and its list; a source with a list is complete.

A list appears whole or not at all, after the files in it, so a run that was killed repeats the
source that it was at and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sounds
from licenses import License, Tier, tier_of

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import read_rows, sha256, write_rows


@dataclass(frozen=True)
class Found:
    """A file of a source: where it is, its name there, its kind and its terms."""

    path: Path
    original: str
    kind: str
    license: License
    problem: str = ""  # why it can't be read, if that is known already


@dataclass(frozen=True)
class Source:
    """A package or a folder: `files` yields what is in it, and may take long to begin."""

    name: str
    version: str
    files: Callable[[], Iterator[Found]]


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
    padded_s: float  # silence that was added, so that the file holds a window
    sha256: str
    content: str


def listed(out: Path) -> list[dict[str, str]]:
    """Return the rows of all sources that are complete."""
    return [row for part in sorted((out / "lists").glob("*.csv")) for row in read_rows(part)]


def assemble(out: Path, source: Source) -> None:
    """Write a source's files, its list and what was left out, unless there is a list."""
    table = out / "lists" / f"{source.name}.csv"
    if table.is_file():
        return
    seen = {row["content"] for row in listed(out)}
    rows: list[Row] = []
    skipped: list[dict[str, str]] = []
    for found in source.files():
        try:
            waveform, content, tier = _usable(found, seen)
        except UserError as error:
            skipped.append({"original": found.original, "reason": str(error)})
            continue
        seen.add(content)
        target = out / "audio" / source.name / f"{len(rows):05d}.flac"
        rows.append(_write(out, target, source, found, waveform, content, tier))
    write_rows(out / "skipped" / f"{source.name}.csv", skipped)
    write_rows(table, map(asdict, rows))
    hours = sum(row.seconds for row in rows) / 3600
    print(f"{source.name}: {len(rows)} files, {hours:.2f} h; {len(skipped)} left out", flush=True)


def _usable(found: Found, seen: set[str]) -> tuple[Waveform, str, Tier]:
    """Return a file's sound, its content hash and tier. Raises `UserError`: why it is left out."""
    if found.problem:
        raise UserError(found.problem)
    tier = tier_of(found.license.name)
    if tier is None:
        raise UserError(f"license {found.license.name}")
    waveform = sounds.read(found.path)
    if reason := sounds.reason_to_leave_out(waveform):
        raise UserError(reason)
    content = sounds.content_of(waveform)
    if content in seen:
        raise UserError("the same sound is there already")
    return waveform, content, tier


def _write(
    out: Path,
    target: Path,
    source: Source,
    found: Found,
    waveform: Waveform,
    content: str,
    tier: Tier,
) -> Row:
    padded = sounds.padded(waveform, seed=int(content[:16], 16))
    sounds.write(target, padded)
    return Row(
        path=target.relative_to(out).as_posix(),
        kind=found.kind,
        source=source.name,
        version=source.version,
        original=found.original,
        author=found.license.author,
        license=found.license.name,
        tier=tier,
        seconds=round(len(padded) / SAMPLE_RATE_HZ, 3),
        padded_s=round((len(padded) - len(waveform)) / SAMPLE_RATE_HZ, 3),
        sha256=sha256(target),
        content=content,
    )


def verify(out: Path) -> None:
    """Compare written files with their hashes; the list of a source that differs is deleted."""
    for table in sorted((out / "lists").glob("*.csv")):
        rows = read_rows(table)
        bad = [row["path"] for row in rows if not _is_whole(out / row["path"], row["sha256"])]
        if bad:
            print(
                f"{table.stem}: {len(bad)} files are gone or have changed ({bad[0]}); written anew"
            )
            table.unlink()
    print("all other files are what their lists say", flush=True)


def _is_whole(path: Path, expected: str) -> bool:
    return path.is_file() and sha256(path) == expected
