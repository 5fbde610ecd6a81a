"""Find the phones of spoken words by forced alignment, and write them to an .item file.

pip install pocketsphinx==5.1.1
python benchmarks/alignments.py DATA/keywords/meta.csv --out runs/speech/keywords.item

The manifest has the columns path (or filename), word and speaker; a word with underscores is
several. pocketsphinx brings an acoustic model of English and a dictionary. Recordings that it can't
align are listed in the .failed.csv beside the .item file. A recording without a speaker counts as
one by a speaker of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import NDArray

from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.evaluation.speech.items import Item, write_items
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import write_rows

FRAME_S = 0.01  # of pocketsphinx
SILENCE = "SIL"
ADDED = {"snowboy": "S N OW B OY"}  # words that its dictionary lacks


@dataclass(frozen=True)
class Alignments:
    """Write the phones of all recordings of a manifest."""

    manifest: Annotated[Path, tyro.conf.Positional]
    """CSV manifest with columns for the recording, its word and its speaker."""
    out: Path = Path("runs/speech/keywords.item")
    """The .item file to write."""
    word: str = "word"
    """Column with the words."""
    speaker: str = "speaker"
    """Column with the speakers; may be empty."""
    words: Path | None = None
    """Another .item file to write, with the spoken text of each recording as one word."""


class Aligner:
    """pocketsphinx, with the words of `ADDED`."""

    def __init__(self) -> None:
        sphinx = require("pocketsphinx", "speech-lab")
        self.decoder = sphinx.Decoder(samprate=16_000, bestpath=False, lm=None, loglevel="FATAL")
        for word, phones in ADDED.items():
            self.decoder.add_word(word, phones, True)

    def phones(self, wave: NDArray[np.float32], text: str) -> list[tuple[str, float, float]]:
        """Return the phones of a text spoken in mono at 16 kHz: name, onset and offset in seconds.

        Raises `RuntimeError` (pocketsphinx) or `ValueError` where the words do not fit the sound.
        """
        samples = (32767 * wave.clip(-1, 1)).astype("<i2").tobytes()
        for prepare in (lambda: self.decoder.set_align_text(text), self.decoder.set_alignment):
            prepare()  # first of words, then of the phones in them
            self.decoder.start_utt()
            self.decoder.process_raw(samples, full_utt=True)
            self.decoder.end_utt()
        found = [
            (phone.name, phone.start * FRAME_S, (phone.start + phone.duration) * FRAME_S)
            for word in self.decoder.get_alignment() or ()
            for phone in word
        ]
        if all(is_silence(name) for name, _, _ in found):
            raise ValueError("no phone was aligned")
        return found


def main(wanted: Alignments) -> None:
    """Align all recordings, and say how many failed."""
    corpus = open_corpus(wanted.manifest)
    recordings = open_cache(corpus)
    aligner = Aligner()
    items: list[Item] = []
    words: list[Item] = []
    failed: list[dict[str, Any]] = [
        {"file": one.path, "word": "", "reason": one.reason} for one in recordings.skipped
    ]
    for index, clip in enumerate(recordings.clips):
        name = PurePosixPath(clip.name).with_suffix("").as_posix()
        text = clip.columns[wanted.word].replace("_", " ").lower()
        try:
            found = aligner.phones(recordings.read(index), text)
        except (RuntimeError, ValueError) as error:
            failed.append({"file": name, "word": text, "reason": str(error)})
        else:
            speaker = clip.columns[wanted.speaker] or name
            phones = list(named(found, name, speaker))
            items += phones
            words.append(whole(phones, text))
    write_items(wanted.out, items)
    if wanted.words:
        write_items(wanted.words, words)
    if failed:
        write_rows(wanted.out.with_suffix(".failed.csv"), failed)
    aligned = len({item.file for item in items})
    print(f"{wanted.out}: {len(items)} phones of {aligned} recordings; {len(failed)} not aligned")


def is_silence(phone: str) -> bool:
    """Return whether it is silence or, as +NSE+, a noise."""
    return phone == SILENCE or phone.startswith("+")


def named(found: Sequence[tuple[str, float, float]], file: str, speaker: str) -> Iterator[Item]:
    """Yield the phones, without silence, each between its neighbors."""
    names = [SILENCE, *(SILENCE if is_silence(name) else name for name, _, _ in found), SILENCE]
    for i, (_, onset, offset) in enumerate(found, start=1):
        if names[i] != SILENCE:
            yield Item(file, onset, offset, names[i], names[i - 1], names[i + 1], speaker)


def whole(phones: Sequence[Item], text: str) -> Item:
    """Return a text from the onset of its first phone to the offset of its last."""
    first, last = phones[0], phones[-1]
    word = text.replace(" ", "_")
    return Item(first.file, first.onset_s, last.offset_s, word, SILENCE, SILENCE, first.speaker)


if __name__ == "__main__":
    main(tyro.cli(Alignments, description=__doc__))
