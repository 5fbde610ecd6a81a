"""Say which recordings of the benchmarks are there, and where to get the others.

python benchmarks/data.py DATA

Reads data.toml. Ends with exit code 1 if anything is missing. docs/benchmark-data.md explains how
to lay the folder out.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import tyro

from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError

SOURCES = Path(__file__).resolve().parent / "data.toml"


@dataclass(frozen=True)
class Source:
    """Recordings of one origin: rows of a manifest below the folder of data."""

    manifest: str
    name: str
    recordings: int
    columns: list[str]
    license: str
    url: str
    where: tuple[str, ...] = ()  # `column=value`, where several share a manifest

    def missing(self, data: Path) -> str:
        """Return what is not there, in words; nothing if all is."""
        path = data / self.manifest
        if not path.is_file():
            return f"there is no {path}"
        try:
            corpus = open_corpus(path)
        except UserError as error:
            return str(error)
        columns = {"filename", *(corpus.clips[0].columns if corpus.clips else ())}
        if absent := [column for column in self.columns if column not in columns]:
            return f"{path} has no column {', '.join(absent)}"
        wanted = [condition.split("=", 1) for condition in self.where]
        found = sum(
            all(clip.columns.get(key) == value for key, value in wanted) for clip in corpus.clips
        )
        if found < self.recordings:
            return f"{found} of these recordings are in {path}; expected {self.recordings}"
        return ""

    def origin(self) -> str:
        columns = ", ".join(self.columns)
        return f"  from     {self.url} ({self.license})\n  columns  {columns}"


def sources() -> list[Source]:
    with SOURCES.open("rb") as file:
        return [Source(**table) for table in tomllib.load(file)["source"]]


def main(data: tyro.conf.Positional[Path]) -> int:
    """Print a line for each source, and for a missing one where it comes from."""
    absent = 0
    for source in sources():
        missing = source.missing(data)
        absent += bool(missing)
        print(f"{'missing' if missing else 'there  '}  {source.name}")
        if missing:
            print(f"  because  {missing}\n{source.origin()}")
    return min(absent, 1)


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__))
