"""ESC-50 and its subset ESC-10: environmental sounds (Piczak, ACM Multimedia 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, home, table

COLUMNS = ("filename", "fold", "category", "esc10", "src_file")

LAYOUT = """
DIR/ESC-50-master/                     the repository's archive (Code, Download ZIP), unpacked
    meta/esc50.csv                     filename,fold,target,category,esc10,src_file,take
    audio/1-100032-A-0.wav
"""


def esc50(root: Path) -> Iterator[Clip]:
    """Yield clips with columns fold, category, esc10 and src_file (the Freesound recording)."""
    folder = home(root, "ESC-50-master", "meta/esc50.csv")
    for row in table(folder / "meta" / "esc50.csv", COLUMNS):
        yield Clip(folder / "audio" / row.pop("filename"), columns=row)


def esc10(root: Path) -> Iterator[Clip]:
    """Yield the clips of the ten classes of ESC-10."""
    for clip in esc50(root):
        flag = clip.columns["esc10"].lower()
        if flag not in ("true", "false"):
            raise LayoutError(f"esc50.csv: esc10 is {flag!r}, expected True or False")
        if flag == "true":
            yield clip


# Four Freesound sources appear in two official folds, though never under one label (131943 and
# 209698: clock_tick and clock_alarm; 134049 and 234879: hen and rooster). The folds are kept as
# published, so that results compare with the literature, and src_file is not the group.
ESC50 = Dataset(
    name="esc-50",
    summary="50 environmental sounds",
    classes=50,
    size="2,000 clips of 5 s, 0.6 GB",
    license="CC BY-NC 3.0",
    url="https://github.com/karolpiczak/ESC-50",
    layout=LAYOUT,
    clips=esc50,
    label="category",
    fold="fold",
)
ESC10 = Dataset(
    name="esc-10",
    summary="10 environmental sounds",
    classes=10,
    size="400 clips of 5 s, inside the ESC-50 archive, 0.6 GB",
    license="CC BY 3.0",
    url=ESC50.url,
    layout=LAYOUT,
    clips=esc10,
    label="category",
    fold="fold",
    group="src_file",
)
