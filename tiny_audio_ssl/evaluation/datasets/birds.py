"""Bird Audio Detection, DCASE 2018 task 3: bird or no bird (Stowell et al., arXiv 1807.05812).

The labels of the evaluation sets were not published, so the three development sets are the folds,
as the challenge recommends. Each is tested by a model trained on the other two, which differ from
it in place, equipment and share of birds.
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
(each archive holds a folder named wav, so unpack each into its own folder)
"""


def clips(root: Path) -> Iterator[Clip]:
    """Yield clips with columns hasbird (0 or 1) and datasetid."""
    for dataset, file in METADATA.items():
        for row in table(root / file, ("itemid", "datasetid", "hasbird")):
            if row["hasbird"] not in ("0", "1"):
                raise LayoutError(f"{file}: hasbird is {row['hasbird']!r}, expected 0 or 1")
            columns = {"hasbird": row["hasbird"], "datasetid": dataset}
            yield Clip(root / dataset / "wav" / f"{row['itemid']}.wav", columns=columns)


BIRD_DETECTION = Dataset(
    name="bird-detection",
    summary="bird or no bird in 10 s",
    classes=2,
    size="35,690 clips of 10 s, 26 GB",
    license="CC BY",
    url="https://dcase.community/challenge2018/task-bird-audio-detection",
    layout=LAYOUT,
    clips=clips,
    label="hasbird",
    fold="datasetid",
    group="datasetid",
)
