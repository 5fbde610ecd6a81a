"""Decoded recordings on disk, so that a random crop of any of them takes microseconds.

The cache is a folder of memory-mapped shards (`shards.py`); memory does not grow with the hours of
audio. A file with a known stat is not opened again, and one that was moved or touched is recognized
by its content. Shards may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections import defaultdict
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

HASHED_SAMPLES = 60 * SAMPLE_RATE_HZ  # read at a time

DECODER_VERSION = 2
"""Raised when the same file is read otherwise: 1 ended some files early."""


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
    folder = (cache_dir or default_cache_dir()) / f"pcm-{SAMPLE_RATE_HZ}hz-v{DECODER_VERSION}"
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
        spans: int64 `[clips, 2]`, the first sample of the file, and the one after the last.
        skipped: recordings that can't be read, and why.
    """

    def __init__(
        self,
        clips: list[Clip],
        skipped: list[Skipped],
        store: SampleStore,
        rows: Ints,
        spans: Ints,
        file_samples: Ints,
        digests: dict[tuple[int, int, int], str] | None = None,
    ) -> None:
        self.clips = clips
        self.skipped = skipped
        self._store = store
        self._rows = rows  # [clips] the first row of the clip's file
        self._file_samples = file_samples  # [clips] the length of the clip's file
        self._digests = {} if digests is None else digests  # by row, first sample and end
        self.spans = spans
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
        begin = int(self.spans[index, 0]) + start
        return self._store.read(int(self._rows[index]), begin, count)

    def release(self) -> None:
        """Give back the memory that holds what was read; it is mapped again when it is needed."""
        self._store.release()

    def select(self, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Recordings:
        """Return only these clips, in this order."""
        chosen = np.asarray(indices, np.int64)
        clips = [self.clips[index] for index in chosen]
        return Recordings(
            clips,
            self.skipped,
            self._store,
            self._rows[chosen],
            self.spans[chosen],
            self._file_samples[chosen],
            self._digests,
        )

    def content(self, index: int) -> str:
        """Return the SHA-256 of a clip's decoded samples, which no name, date or format changes."""
        begin, end = self.spans[index].tolist()
        return self._digest(int(self._rows[index]), begin, end)

    def contents(self) -> list[str]:
        """Return the SHA-256 of each clip's decoded samples; see `content`."""
        return [
            self._digest(row, begin, end)
            for row, (begin, end) in zip(self._rows.tolist(), self.spans.tolist(), strict=True)
        ]

    def files(self) -> list[int]:
        """Number the files, `[clips]`: equal for clips of files with the same decoded samples."""
        alike = defaultdict(set)  # only files of one length can be equal, so that few are read
        for row, samples in zip(self._rows.tolist(), self._file_samples.tolist(), strict=True):
            alike[samples].add(row)
        number: dict[int, int] = {}
        for samples, rows in alike.items():
            first: dict[str, int] = {}
            for row in sorted(rows):
                digest = self._digest(row, 0, samples) if len(rows) > 1 else ""
                number[row] = first.setdefault(digest, row)
        return [number[row] for row in self._rows.tolist()]

    def _digest(self, row: int, begin: int, end: int) -> str:
        """Return the hash of samples; each is computed once for all selections of recordings."""
        if (row, begin, end) not in self._digests:
            digest = hashlib.sha256()
            for start in range(begin, end, HASHED_SAMPLES):
                part = self._store.read(row, start, min(HASHED_SAMPLES, end - start))
                digest.update(np.ascontiguousarray(part, "<f4").data)
            self._digests[row, begin, end] = digest.hexdigest()
        return self._digests[row, begin, end]


def _recordings(
    corpus: Corpus,
    store: SampleStore,
    usable: Mapping[str, StoredFile],
    unusable: Mapping[str, str],
) -> Recordings:
    clips, rows, spans, lengths = [], [], [], []
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
        lengths.append(length)
    return Recordings(
        clips,
        list(skipped),
        store,
        np.array(rows, np.int64),
        np.array(spans, np.int64).reshape(-1, 2),
        np.array(lengths, np.int64),
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
