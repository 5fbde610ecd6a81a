"""The shards of a folder together: the files that they hold, and the samples of each.

There is no index on disk: the shards' rows are read, without samples, when a cache is opened.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tiny_audio_ssl.audio.errors import in_words
from tiny_audio_ssl.audio.waveform import Waveform
from tiny_audio_ssl.data.shards import (
    ABOUT,
    CHANGED,
    Ints,
    Pcm,
    Shard,
    Stat,
    describe,
    mapped,
)


class SampleStore:
    """The samples of every row. Maps shards on first use, so it can be pickled."""

    def __init__(self, shards: list[Shard]) -> None:
        none = np.zeros(0, np.int64)
        self.paths = [shard.path for shard in shards]
        rows = [len(shard.samples) for shard in shards]
        self.shard: Ints = np.repeat(np.arange(len(shards)), rows)  # [rows], as all three
        self.offset: Ints = np.concatenate([none, *(shard.offset for shard in shards)])
        self.samples: Ints = np.concatenate([none, *(shard.samples for shard in shards)])
        self.step = np.concatenate(  # [rows] what the integer 1 stands for
            [np.zeros(0, np.float32), *(_steps(shard) for shard in shards)]
        )
        self._maps: dict[int, npt.NDArray[np.uint8]] = {}

    def read(self, row: int, start: int, count: int) -> Waveform:
        """Return samples of the file that begins at `row`: float32 `[count]`."""
        chunk = int(self.samples[row])  # all but the last are this long
        row, start = row + start // chunk, start % chunk
        parts = [np.zeros(0, np.float32)]
        while count > 0:
            parts.append(self._row(row)[start : start + count] * self.step[row])
            count -= len(parts[-1])
            row, start = row + 1, 0
        return parts[-1] if len(parts) <= 2 else np.concatenate(parts)

    def release(self) -> None:
        """Unmap the shards, whose pages count as memory of this process once they were read."""
        self._maps.clear()

    def _row(self, row: int) -> Pcm:
        shard, begin = int(self.shard[row]), int(self.offset[row])
        if shard not in self._maps:
            self._maps[shard] = np.frombuffer(mapped(self.paths[shard]), np.uint8)
        return self._maps[shard][begin : begin + 2 * int(self.samples[row])].view(np.int16)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_maps": {}}


def _steps(shard: Shard) -> Waveform:
    full_scale: Waveform = shard.about["full_scale"].to_numpy()
    return full_scale / np.float32(32768)


class StoredFile(NamedTuple):
    """A file's content in the shards."""

    row: int  # its first
    samples: int
    reason: str | None  # why it can't be used


class Index:
    """Find files by their stat, and content by its SHA-256."""

    def __init__(self, folder: Path) -> None:
        shards = list(_intact(folder))
        self.store = SampleStore(shards)
        self.contents: dict[str, StoredFile] = {}  # by sha256
        self._sha256: dict[tuple[Any, ...], str] = {}  # by stat
        about = pa.concat_tables([ABOUT.empty_table(), *(shard.about for shard in shards)])
        first = np.flatnonzero(about["chunk"].to_numpy() == 0)
        last = np.append(first, len(about))[1:] - 1
        files = about.take(pa.array(first))
        for *stat, digest, row, samples, reason in zip(
            *(files[name].to_pylist() for name in (*Stat._fields, "sha256")),
            first.tolist(),
            np.add.reduceat(self.store.samples, first).tolist(),
            about["reason"].take(pa.array(last)).to_pylist(),
            strict=True,
        ):
            if reason == CHANGED:
                continue
            self._sha256[tuple(stat)] = digest
            if samples or reason:  # else the row only says that the content is elsewhere
                self.contents[digest] = StoredFile(row, samples, reason)

    def find(
        self, paths: Iterable[str]
    ) -> tuple[dict[str, StoredFile], dict[str, str], dict[str, int]]:
        """Return usable files, reasons for unusable ones, and sizes in bytes of unknown ones."""
        usable, unusable, new = {}, {}, {}
        for path in paths:
            try:
                stat = Stat.of(path)
            except OSError as error:
                unusable[path] = in_words(error)
                continue
            found = self.contents.get(self._sha256.get(stat, ""))
            if found is None:
                new[path] = stat.size
            elif found.reason:
                unusable[path] = found.reason
            else:
                usable[path] = found
        return usable, unusable, new


def _intact(folder: Path) -> Iterator[Shard]:
    for path in sorted(folder.glob("shard-*.arrow")):
        if not path.exists():  # another build has dropped it since
            continue
        try:
            yield describe(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:  # the disk's fault, not the shard's
                raise
            warnings.warn(f"{path}: dropped, to be made anew ({error})", stacklevel=4)
            path.unlink(missing_ok=True)
