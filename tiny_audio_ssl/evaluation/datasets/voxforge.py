"""VoxForge: spoken language identification, six languages.

There is no official split. Languages and speakers are those of `voxforge` in TensorFlow Datasets:
the speaker is the part of a submission's name before the first hyphen. All anonymous submissions
therefore count as one speaker, as they should: any two of them may be the same person.
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
DIR/en/Aaron-20080318-kdl/wav/a0001.wav         each .tgz unpacked in its language's folder
DIR/es  DIR/fr  DIR/it  DIR/ru
The archives of a language are in .../downloads/LANGUAGE/Trunk/Audio/Main/16kHz_16bit/
"""


def clips(root: Path) -> Iterator[Clip]:
    """Yield clips with columns language and speaker."""
    for language in LANGUAGES:
        found = files(root / language, "*/wav/*.wav", "*/flac/*.flac")
        if not found:
            raise LayoutError(f"{language}/USER-DATE-XXX/wav has no recordings")
        for path in found:
            speaker = path.parent.parent.name.partition("-")[0].casefold()
            yield Clip(path, columns={"language": language, "speaker": speaker})


VOXFORGE = Dataset(
    name="voxforge-language",
    summary="6 spoken languages",
    classes=len(LANGUAGES),
    size="60 GB",
    license="GPL 3",
    url="http://www.repository.voxforge1.org/downloads/",
    layout=LAYOUT,
    clips=clips,
    label="language",
    group="speaker",
)
