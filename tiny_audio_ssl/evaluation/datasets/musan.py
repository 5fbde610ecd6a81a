"""MUSAN: music, speech or noise (Snyder, Chen and Povey, arXiv 1510.08484).

There is no official split. Each file is one whole recording. Music by one artist is kept together,
since artists recur within and across the collections.
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
    """Yield clips with columns kind, collection and source (the annotated artist, or the file)."""
    folder = home(root, "musan", "music")
    for kind, collections in COLLECTIONS.items():
        for collection in collections:
            found = files(folder / kind / collection, "*.wav")
            if not found:
                raise LayoutError(f"musan/{kind}/{collection} has no wav files")
            artist = _artists(folder / kind / collection) if kind == "music" else {}
            for path in found:
                source = artist.get(path.stem, path.stem)
                columns = {"kind": kind, "collection": collection, "source": source}
                yield Clip(path, columns=columns)


def _artists(folder: Path) -> dict[str, str]:
    """Return the artist by file name without suffix."""
    rows = [line.split(maxsplit=3) for line in lines(folder / "ANNOTATIONS")]
    return {row[0]: row[3].casefold() for row in rows if len(row) == 4}


MUSAN = Dataset(
    name="musan",
    summary="music, speech or noise",
    classes=3,
    size="about 2,000 recordings, 109 hours, 11 GB",
    license="public domain and Creative Commons, by file",
    url="https://www.openslr.org/17 (musan.tar.gz)",
    layout=LAYOUT,
    clips=clips,
    label="kind",
    group="source",
)
