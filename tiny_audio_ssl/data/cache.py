"""Decoded recordings on disk, so that a random crop of any of them takes microseconds.

The cache is a folder of memory-mapped shards (`shards.py`); memory does not grow with the hours of
audio. A file with a known stat is not opened again, and one that was moved or touched is recognized
by its content. Shards may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.data.corpus import Clip, Corpus, Skipped, listing
from tiny_audio_ssl.data.decoding import decode
from tiny_audio_ssl.data.shard_index import Index, SampleStore, StoredFile
from tiny_audio_ssl.data.shards import CHANGED, Ints, sweep
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir


def open_cache(
    corpus: Corpus,
    cache_dir: Path | None = None,
    workers: int | None = None,
    strict: bool = False,
    progress: bool = True,
) -> Recordings:
    """Decode the files of `corpus` that are new, and give access to all of them.

    Args:
        cache_dir: where decoded audio is kept, about 115 MB an hour; `default_cache_dir()` if None.
        workers: processes that decode; $TINY_AUDIO_SSL_WORKERS or the number
            of cores if None; 1 means this process.
        strict: raise if a file can't be used, instead of listing it in `Recordings.skipped`.
        progress: show files, hours and time left on stderr while decoding.

    Raises:
        UserError: no file can be used, the disk is full, or a worker was killed.
    """
    folder = (cache_dir or default_cache_dir()) / f"pcm-{SAMPLE_RATE_HZ}hz-v2"
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        index = Index(folder)
        paths = list(dict.fromkeys(str(clip.path.absolute()) for clip in corpus.clips))
        usable, unusable, new = index.find(paths)
        if new:
            gone = decode(new, folder, workers, progress)
            index = Index(folder)
            usable, unusable, missed = index.find(paths)
            unusable |= dict.fromkeys(missed, CHANGED) | gone
    recordings = _recordings(corpus, index.store, usable, unusable)
    if recordings.skipped and (strict or not recordings.clips):
        raise UserError(f"{corpus.source}: {listing(recordings.skipped)}")
    return recordings


class Recordings:
    """Clips whose samples can be read at once, in any order, by any number of processes.

    Attributes:
        clips: recordings, or parts of them, that can be read.
        samples: int64 `[clips]`, the length of each at 16 kHz.
        skipped: recordings that can't be read, and why.
    """

    def __init__(
        self, clips: list[Clip], skipped: list[Skipped], store: SampleStore, rows: Ints, spans: Ints
    ) -> None:
        self.clips = clips
        self.skipped = skipped
        self._store = store
        self._rows = rows  # [clips] the first row of the clip's file
        self._spans = spans  # [clips, 2] from and to which sample of the file
        self.samples: Ints = spans[:, 1] - spans[:, 0]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def total_s(self) -> float:
        return float(self.samples.sum() / SAMPLE_RATE_HZ)

    def read(self, index: int, start: int = 0, samples: int | None = None) -> Waveform:
        """Return `samples` samples of a clip (None: all) from `start` on, float32.

        Raises:
            IndexError: there is no such clip, or it has fewer samples.
        """
        index = range(len(self))[index]
        length = int(self.samples[index])
        count = length - start if samples is None else samples
        if start < 0 or count < 0 or start + count > length:
            raise IndexError(
                f"samples {start} to {start + count} of clip {index}, which has {length}"
            )
        begin = int(self._spans[index, 0]) + start
        return self._store.read(int(self._rows[index]), begin, count)

    def select(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Recordings:
        """Return only these clips, in this order."""
        chosen = np.asarray(indices, np.int64)
        clips = [self.clips[index] for index in chosen]
        return Recordings(clips, self.skipped, self._store, self._rows[chosen], self._spans[chosen])


def _recordings(
    corpus: Corpus,
    store: SampleStore,
    usable: Mapping[str, StoredFile],
    unusable: Mapping[str, str],
) -> Recordings:
    clips, rows, spans = [], [], []
    skipped = dict.fromkeys(corpus.skipped)
    for clip in corpus.clips:
        path = str(clip.path.absolute())
        if path in unusable:
            skipped[Skipped(clip.name or path, unusable[path])] = None  # once for all its clips
            continue
        row, length, _ = usable[path]
        begin = round(clip.start_s * SAMPLE_RATE_HZ)
        end = length if clip.end_s is None else min(length, round(clip.end_s * SAMPLE_RATE_HZ))
        if begin >= end:
            reason = f"nothing from {clip.start_s:g} s on: ends at {length / SAMPLE_RATE_HZ:.3f} s"
            skipped[Skipped(clip.name or path, reason)] = None
            continue
        clips.append(clip)
        rows.append(row)
        spans.append((begin, end))
    return Recordings(
        clips,
        list(skipped),
        store,
        np.array(rows, np.int64),
        np.array(spans, np.int64).reshape(-1, 2),
    )


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(
                f"{folder}: no space left for decoded audio, about 115 MB an hour; free some or "
                "name another place with --cache-dir"
            ) from error
        raise UserError(
            f"{folder}: {error}; name a folder that can be written with --cache-dir"
        ) from error
