"""LibriSpeech: speaker identification, 251 speakers (Panayotov et al., ICASSP 2015).

The official subsets share no speakers, so none can be the test part of another. The speakers are
those of train-clean-100, as in CPC (van den Oord et al., arXiv 1807.03748). CPC holds out single
utterances; here whole chapters are held out, since the utterances of a chapter are cut from one
recording and share its room, microphone and text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset, torchaudio_download
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, files, home

SUBSET = "train-clean-100"

LAYOUT = f"""
DIR/LibriSpeech/{SUBSET}/     {SUBSET}.tar.gz unpacked in DIR
    103/1240/103-1240-0000.flac       speaker/chapter/speaker-chapter-utterance
"""


def clips(root: Path) -> Iterator[Clip]:
    """Yield clips with columns speaker, chapter and split.

    Each speaker's chapter with the fewest utterances is the test part. A speaker with only one
    chapter is trained on and never tested.
    """
    folder = home(root, "LibriSpeech", SUBSET) / SUBSET
    chapters: dict[str, dict[str, list[Path]]] = defaultdict(dict)
    for path in files(folder, "*/*/*.flac"):
        speaker, chapter = path.parent.parent.name, path.parent.name
        if not path.name.startswith(f"{speaker}-{chapter}-"):
            raise LayoutError(f"{path} is not named {speaker}-{chapter}-UTTERANCE.flac")
        chapters[speaker].setdefault(chapter, []).append(path)
    for speaker, own in chapters.items():
        held_out = min(own, key=lambda chapter: (len(own[chapter]), chapter))
        for chapter, paths in own.items():
            split = "test" if chapter == held_out and len(own) > 1 else "train"
            columns = {"speaker": speaker, "chapter": chapter, "split": split}
            yield from (Clip(path, columns=columns) for path in paths)


def download(root: Path) -> None:
    """Download and unpack with torchaudio."""
    torchaudio_download(root, "LIBRISPEECH", f"LibriSpeech/{SUBSET}", url=SUBSET)


LIBRISPEECH_SPEAKER = Dataset(
    name="librispeech-speaker",
    summary="251 speakers",
    classes=251,
    size="28,539 utterances, 100 hours, 6.3 GB",
    license="CC BY 4.0",
    url="https://www.openslr.org/12 (train-clean-100.tar.gz)",
    layout=LAYOUT,
    clips=clips,
    label="speaker",
    split="split",
    group="chapter",
    download=download,
)
