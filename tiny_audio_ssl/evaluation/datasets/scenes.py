"""TUT Urban Acoustic Scenes 2018, development set: 10 scenes (arXiv 1807.09840)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, home, table

FOLDER = "TUT-urban-acoustic-scenes-2018-development"
# fold1_test.txt lists the files of fold1_evaluate.txt again, without their labels.
LISTS = {"train": "fold1_train.txt", "test": "fold1_evaluate.txt"}

LAYOUT = f"""
DIR/{FOLDER}/     all its zip files unpacked in DIR
    meta.csv                               filename, scene_label, identifier, source_label (tabs)
    evaluation_setup/fold1_train.txt
    evaluation_setup/fold1_evaluate.txt
    audio/airport-barcelona-0-0-a.wav
"""


def clips(root: Path) -> Iterator[Clip]:
    """Yield clips with columns scene_label, identifier (city and location) and split.

    The official split keeps all segments of a location together.
    """
    folder = home(root, FOLDER, "meta.csv")
    about = {
        row["filename"]: row
        for row in table(folder / "meta.csv", ("filename", "scene_label", "identifier"), "\t")
    }
    for split, file in LISTS.items():
        listing = folder / "evaluation_setup" / file
        for row in table(listing, ("filename", "scene_label"), "\t", header=False):
            known = about.get(row["filename"])
            if known is None or known["scene_label"] != row["scene_label"]:
                raise LayoutError(f"{file} and meta.csv do not agree on {row['filename']}")
            columns = {
                "scene_label": row["scene_label"],
                "identifier": known["identifier"],
                "split": split,
            }
            yield Clip(folder / row["filename"], columns=columns)


URBAN_SCENES = Dataset(
    name="urban-scenes",
    summary="10 places in a city",
    classes=10,
    size="8,640 clips of 10 s, 24 hours",
    license="its own, non-commercial",
    url="https://zenodo.org/record/1228142",
    layout=LAYOUT,
    clips=clips,
    label="scene_label",
    split="split",
    group="identifier",
)
