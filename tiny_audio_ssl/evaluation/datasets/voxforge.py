"""VoxForge: which of six languages is spoken.

There is no official split. Languages and speakers are those of TensorFlow Datasets' `voxforge`: a
speaker is what the name of a submission begins with, up to the first hyphen. All anonymous
submissions so count as one speaker, as they should: any two of them may be the same person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, files

LANGUAGES = ("de", "en", "es", "fr", "it", "ru")

LAYOUT = """
DIR/de/Guenter-20101209-aaa/wav/de5-001.wav     language/USER-DATE-XXX/wav (or flac)
DIR/en/Aaron-20080318-kdl/wav/a0001.wav         each .tgz unpacked in the folder of its language
DIR/es  DIR/fr  DIR/it  DIR/ru
The archives of a language are in .../downloads/LANGUAGE/Trunk/Audio/Main/16kHz_16bit/
"""


def clips(root: Path) -> Iterator[Clip]:
    """Columns language and speaker."""
    for language in LANGUAGES:
        found = files(root / language, "*/wav/*.wav", "*/flac/*.flac")
        if not found:
            raise LayoutError(f"no recordings in {language}/USER-DATE-XXX/wav")
        for path in found:
            speaker = path.parent.parent.name.partition("-")[0].casefold()
            yield Clip(path, columns={"language": language, "speaker": speaker})


VOXFORGE = Dataset(
    name="voxforge-language",
    summary="which of 6 languages is spoken",
    classes=len(LANGUAGES),
    size="60 GB",
    licence="GPL 3",
    url="http://www.repository.voxforge1.org/downloads/",
    layout=LAYOUT,
    clips=clips,
    label="language",
    group="speaker",
)
