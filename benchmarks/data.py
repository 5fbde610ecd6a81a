"""Lay out the recordings of the benchmarks that you have downloaded, and list what is missing.

python benchmarks/data.py DATA

Takes archives and unpacked folders from DATA/downloads, or from --downloads. For each source that
is missing, prints the command that gets it. Ends with exit code 1 if one is missing.
docs/benchmark-data.md has more about the recordings.
"""

from __future__ import annotations

import sys
from pathlib import Path

import notes
import tyro
from recordings import (
    Source,
    UnlabeledCorpus,
    add_to_manifests,
    corpora,
    lay_out,
    sources,
    write,
)

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.console import PlainConsole


def main(data: tyro.conf.Positional[Path], downloads: Path | None = None) -> int:
    """Lay out the recordings of the benchmarks, and say how to get those that are missing.

    Args:
        data: folder of the recordings.
        downloads: folder of archives, or of what they contain. Default: DATA/downloads.
    """
    downloads = downloads or data / "downloads"
    listed = sources()
    downloads.mkdir(parents=True, exist_ok=True)
    wanted = [source for source in listed if source.missing(data)]
    with PlainConsole(stderr=True).status(f"looking through {downloads}"):
        lay_out(wanted, data, downloads)
        render([source for source in wanted if not source.original], data)
    add_to_manifests(wanted, data)
    missing = {source.name: source.missing(data) for source in listed}
    for source in listed:
        print(describe(source, missing[source.name], downloads))
    for corpus in corpora():
        print(describe_corpus(corpus, corpus.missing(data)))
    if not any(missing.values()):
        print(f"\nAll labeled recordings are in {data}.")
        return 0
    option = "" if downloads == data / "downloads" else f" --downloads {downloads}"
    print(f"\nWhen the downloads are there, type: python benchmarks/data.py {data}{option}")
    return 1


def render(wanted: list[Source], data: Path) -> None:
    """Render notes into the folder of data; nothing if the synthesizer is missing."""
    for source in wanted:
        rows = source.rows()
        try:
            waveforms = notes.render(rows)
        except UserError:
            continue
        for row, waveform in zip(rows, waveforms, strict=True):
            write((data / source.manifest).parent / row["filename"], waveform)


def describe(source: Source, missing: str, downloads: Path) -> str:
    """Return the lines about a source: what is missing, and the commands that get it."""
    if not missing:
        return f"complete  {source.name}"
    commands = [command.format(downloads=downloads) for command in source.get]
    lines = [f"missing   {source.name}", f"  because  {missing}"]
    lines += [f"  source   {source.url} ({source.license})"]
    lines += [f"  get it   {command}" for command in commands]
    return "\n".join(lines)


def describe_corpus(corpus: UnlabeledCorpus, missing: str) -> str:
    """Return the lines about unlabeled sound: what is missing, and what takes its place."""
    if not missing:
        return f"complete  {corpus.name}"
    lines = [f"optional  {corpus.name}", f"  because  {missing}"]
    lines += [f"  source   {url}" for url in corpus.urls]
    lines += [f"  get it   make {corpus.manifest}, of any such sound: {', '.join(corpus.columns)}"]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main, description=__doc__))
    except UserError as error:
        sys.exit(f"error: {error}")
