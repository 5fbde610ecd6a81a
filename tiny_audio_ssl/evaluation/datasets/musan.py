"""MUSAN: music, speech or noise (Snyder, Chen and Povey, arXiv 1510.08484).

It has no official split. Each file is one recording of its archive and is never cut; the music of
one artist is kept together, since artists recur within and across the collections.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, files, home, lines

COLLECTIONS = {
    "music": ("fma", "fma-western-art", "hd-classical", "jamendo", "rfm"),
    "noise": ("free-sound", "sound-bible"),
    "speech": ("librivox", "us-gov"),
}

LAYOUT = """
DIR/musan/                            musan.tar.gz unpacked in DIR
    music/   fma  fma-western-art  hd-classical  jamendo  rfm
    noise/   free-sound  sound-bible
    speech/  librivox  us-gov
each with its wav files, and music with its ANNOTATIONS
(NAME GENRES VOCALS ARTIST, a line a file: music/fma/ANNOTATIONS)
"""


def clips(root: Path) -> Iterator[Clip]:
    """Columns kind, collection and source: the artist where annotated, or else the file."""
    folder = home(root, "musan", "music")
    for kind, collections in COLLECTIONS.items():
        for collection in collections:
            found = files(folder / kind / collection, "*.wav")
            if not found:
                raise LayoutError(f"no wav files in musan/{kind}/{collection}")
            artist = _artists(folder / kind / collection) if kind == "music" else {}
            for path in found:
                source = artist.get(path.stem, path.stem)
                columns = {"kind": kind, "collection": collection, "source": source}
                yield Clip(path, columns=columns)


def _artists(folder: Path) -> dict[str, str]:
    """File name without ending -> artist."""
    rows = [line.split(maxsplit=3) for line in lines(folder / "ANNOTATIONS")]
    return {row[0]: row[3].casefold() for row in rows if len(row) == 4}


MUSAN = Dataset(
    name="musan",
    summary="music, speech or noise",
    classes=3,
    size="about 2,000 recordings, 109 hours, 11 GB",
    licence="public domain and Creative Commons, by file",
    url="https://www.openslr.org/17 (musan.tar.gz)",
    layout=LAYOUT,
    clips=clips,
    label="kind",
    group="source",
)
