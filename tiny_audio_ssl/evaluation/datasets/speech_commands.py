"""Speech Commands v2: 35 spoken words (Warden, arXiv 1804.03209)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset, torchaudio_download
from tiny_audio_ssl.evaluation.datasets.layout import files, home, lines

FOLDER = "SpeechCommands/speech_commands_v0.02"
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
BACKGROUND = "_background_noise_"  # noise without words

LAYOUT = f"""
DIR/{FOLDER}/       speech_commands_v0.02.tar.gz unpacked here
    testing_list.txt
    validation_list.txt
    backward/0165e0e8_nohash_0.wav
    ... 34 more words
"""


def clips(root: Path) -> Iterator[Clip]:
    """Yield clips with columns word, speaker and split.

    The official lists assign parts by a hash of the speaker, so no speaker is in two parts.
    """
    folder = home(root, FOLDER, LISTS["test"])
    part = {name: part for part, file in LISTS.items() for name in lines(folder / file)}
    found = {path.relative_to(folder).as_posix() for path in files(folder, "*/*.wav")}
    for name in sorted(found | set(part)):
        word, _, file = name.partition("/")
        if word == BACKGROUND or word.startswith("."):
            continue
        speaker = file.partition("_nohash_")[0]
        columns = {"word": word, "speaker": speaker, "split": part.get(name, "train")}
        yield Clip(folder / name, columns=columns)


def download(root: Path) -> None:
    """Download and unpack with torchaudio."""
    torchaudio_download(root, "SPEECHCOMMANDS", FOLDER, url="speech_commands_v0.02")


SPEECH_COMMANDS = Dataset(
    name="speech-commands",
    summary="35 spoken words",
    classes=35,
    size="105,829 clips of 1 s, 2.3 GB",
    license="CC BY 4.0",
    url="http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    layout=LAYOUT,
    clips=clips,
    label="word",
    split="split",
    group="speaker",
    download=download,
)
