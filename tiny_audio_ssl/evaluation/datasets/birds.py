"""Bird Audio Detection, DCASE 2018 task 3: is there a bird? (Stowell et al., arXiv 1807.05812)

The labels of the evaluation sets were not published, so the three development sets are the folds,
as the challenge recommends: each is tested by what was learned from the other two, which differ in
place, equipment and share of birds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, table

METADATA = {
    "BirdVox-DCASE-20k": "BirdVoxDCASE20k_csvpublic.csv",
    "ff1010bird": "ff1010bird_metadata_2018.csv",
    "warblrb10k_public": "warblrb10k_public_metadata_2018.csv",
}

LAYOUT = """
DIR/BirdVoxDCASE20k_csvpublic.csv         itemid,datasetid,hasbird
DIR/ff1010bird_metadata_2018.csv
DIR/warblrb10k_public_metadata_2018.csv
DIR/BirdVox-DCASE-20k/wav/ITEMID.wav      BirdVox-DCASE-20k.zip unpacked in BirdVox-DCASE-20k
DIR/ff1010bird/wav/ITEMID.wav             ff1010bird_wav.zip unpacked in ff1010bird
DIR/warblrb10k_public/wav/ITEMID.wav      warblrb10k_public_wav.zip unpacked in warblrb10k_public
(each of the archives holds a folder wav, so unpack each in a folder of its own)
"""


def clips(root: Path) -> Iterator[Clip]:
    """Columns hasbird (0 or 1) and datasetid."""
    for dataset, file in METADATA.items():
        for row in table(root / file, ("itemid", "datasetid", "hasbird")):
            if row["hasbird"] not in ("0", "1"):
                raise LayoutError(f"{file}: hasbird is {row['hasbird']!r}, expected 0 or 1")
            columns = {"hasbird": row["hasbird"], "datasetid": dataset}
            yield Clip(root / dataset / "wav" / f"{row['itemid']}.wav", columns=columns)


BIRD_DETECTION = Dataset(
    name="bird-detection",
    summary="is a bird heard in 10 s",
    classes=2,
    size="35,690 clips of 10 s, 26 GB",
    licence="CC BY",
    url="https://dcase.community/challenge2018/task-bird-audio-detection",
    layout=LAYOUT,
    clips=clips,
    label="hasbird",
    fold="datasetid",
    group="datasetid",
)
