"""Where the words of recordings are, from a manifest column such as "0.31-0.62 0.62-1.1".

Times are in seconds from the beginning of the recording, in order, one pair for each word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.corpus import column
from tiny_audio_ssl.data.shards import Ints
from tiny_audio_ssl.errors import UserError

ABSENT = -1


@dataclass(frozen=True)
class WordTimes:
    """First sample and end of each word, int64 [recordings, most words, 2]; -1 where there is
    none."""

    samples: Ints

    def inside(self, clips: Ints, starts: Ints, count: int) -> Ints:
        """Return the words that lie within crops of `count` samples, int64 [crops, most words, 2].

        Args:
            clips: number of each crop's recording.
            starts: first sample of each crop.

        Samples are counted from the beginning of the crop. Words come first, in their order, and
        rows of -1 behind them.
        """
        found = np.full((len(clips), *self.samples.shape[1:]), ABSENT, np.int64)
        for row, words, start in zip(found, self.samples[clips], starts, strict=True):
            own = words[(words[:, 0] >= start) & (words[:, 1] <= start + count)] - start
            row[: len(own)] = own
        return found


def read_word_times(recordings: Recordings, name: str) -> WordTimes:
    """Read the manifest column of that name. An empty cell says that no word is known.

    Raises `UserError`: no such column, or a cell that can't be read.
    """
    cells = column(recordings.clips, name)
    words = []
    for clip, cell in zip(recordings.clips, cells, strict=True):
        try:
            words.append(_words(cell))
        except ValueError as error:
            raise UserError(
                f"{clip.name or clip.path}: {name} is {cell!r}: {error}; expected onset and offset "
                'of each word in seconds, in order, such as "0.31-0.62 0.62-1.1"'
            ) from None
    return WordTimes(_padded(words, max(1, *map(len, words))))


def _words(cell: str) -> list[tuple[int, int]]:
    found, end_s = [], 0.0
    for word in cell.split():
        onset, dash, offset = word.partition("-")
        onset_s, offset_s = float(onset), float(offset if dash else "nan")
        if not end_s <= onset_s < offset_s < math.inf:
            raise ValueError(f"{word!r} is no word after {end_s:g} s")
        found.append((round(onset_s * SAMPLE_RATE_HZ), round(offset_s * SAMPLE_RATE_HZ)))
        end_s = offset_s
    return found


def _padded(words: Sequence[Sequence[tuple[int, int]]], most: int) -> Ints:
    samples = np.full((len(words), most, 2), ABSENT, np.int64)
    for row, own in zip(samples, words, strict=True):
        row[: len(own)] = np.array(own, np.int64).reshape(-1, 2)
    return samples
