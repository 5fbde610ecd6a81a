"""Find recordings that share sound: copies under other names, and parts of a file that overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.shards import Ints
from tiny_audio_ssl.utils.components import components, equal_items


def shared_sound(recordings: Recordings, contents: Sequence[str]) -> Ints:
    """Number the sounds, int64 `[recordings]`: recordings that share samples have one number.

    These are recordings with the same samples, whatever their files are called and encoded as, and
    overlapping parts of one file or of copies of it.

    Args:
        contents: hashes of the recordings, from `Recordings.contents`.
    """
    links = [*equal_items(contents), *_overlaps(recordings)]
    return np.array(components(len(recordings), links), np.int64)


def count_copies(contents: Sequence[str]) -> int:
    """Return the number of recordings that repeat the samples of an earlier one."""
    return len(contents) - len(set(contents))


def without_copies(recordings: Recordings) -> Recordings:
    """Return the recordings without those that repeat the samples of an earlier one."""
    first: dict[str, int] = {}
    for index, content in enumerate(recordings.contents()):
        first.setdefault(content, index)
    return recordings.select(list(first.values()))


def _overlaps(recordings: Recordings) -> Iterator[tuple[int, int]]:
    """Yield links between recordings that are overlapping parts of files with the same samples."""
    files: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    spans = zip(recordings.files(), recordings.spans.tolist(), strict=True)
    for index, (file, (begin, end)) in enumerate(spans):
        files[file].append((begin, end, index))
    for parts in files.values():
        reach = 0
        for (_, end, before), (begin, _, index) in pairwise(sorted(parts)):
            reach = max(reach, end)
            if begin < reach:
                yield before, index
