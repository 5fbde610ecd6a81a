"""Shards: the files of the decoded cache, in the ordinary Arrow IPC format.

They hold audio as 16-bit PCM. A row holds at most a minute of one file; the rows of a file are
consecutive, and all but the last hold a full minute:

    path, size, mtime_ns, ctime_ns   the file as it was found
    sha256                           of its content
    chunk                            0, 1, ...: which minute
    reason                           on the last row of a file that can't be used: why
    full_scale                       what the largest integer stands for: 1, or more for sound
                                     beyond full scale
    pcm                              16-bit samples, mono, 16 kHz

A shard appears complete or not at all, is never changed, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from filelock import FileLock

from tiny_audio_ssl.errors import UserError

FLUSH_BYTES = 8 * 2**20  # what a writer holds in memory
CHANGED = "changed while it was read"  # the reason that is forgotten: the file is tried again

STEP_NS = 20_000_000  # in which Linux, macOS and Windows may give two changes of a file one time
COARSE_STEP_NS = 2_000_000_000  # of FAT, and of other systems with times in whole seconds

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("chunk", pa.int32()),
        ("reason", pa.string()),
        ("full_scale", pa.float32()),
        ("pcm", pa.large_list(pa.int16())),
    ]
)
ABOUT = SCHEMA.remove(SCHEMA.get_field_index("pcm"))

Pcm = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
NO_SAMPLES: Pcm = np.zeros(0, np.int16)


class Stat(NamedTuple):
    """A file as it was found: as long as this is unchanged, so is its content."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: str) -> Stat:
        status = os.stat(path)
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def settled_stat(path: str) -> Stat:
    """Return the stat of a file, once any later change to the file would give it another.

    A file system keeps times in steps. A file that was written in this step could be written once
    more with the same size and times, and would not be recognized as changed.
    """
    stat = Stat.of(path)
    changed_ns = max(stat.mtime_ns, stat.ctime_ns)
    step_ns = COARSE_STEP_NS if changed_ns % 10**9 == 0 else STEP_NS
    age_ns = time.time_ns() - changed_ns
    if 0 <= age_ns < step_ns:
        time.sleep((step_ns - age_ns) / 1e9)
        stat = Stat.of(path)
    return stat


# --- writing --------------------------------------------------------------------------------


class ShardWriter:
    """A shard being written: complete if the `with` block ends or is interrupted, else deleted.

    It is locked until then, so that `sweep` can tell it from leftovers. `bytes`: size of the
    samples so far.
    """

    def __init__(self, folder: Path) -> None:
        self.bytes = 0
        self._is_empty = True
        self._rows: list[tuple[Any, ...]] = []
        self._held_bytes = 0
        self._file, self._lock = _locked_file(folder)
        self._writer = pa.ipc.new_file(self._file, SCHEMA)

    def add(
        self,
        stat: Stat,
        digest: str,
        chunk: int,
        pcm: Pcm,
        reason: str | None = None,
        full_scale: float = 1.0,
    ) -> None:
        self._is_empty = False
        self._rows.append((*stat, digest, chunk, reason, full_scale, pcm))
        self.bytes += pcm.nbytes
        self._held_bytes += pcm.nbytes
        if self._held_bytes >= FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        *columns, pcm = zip(*self._rows, strict=True)
        edges = np.cumsum([0, *map(len, pcm)])
        samples = pa.LargeListArray.from_arrays(pa.array(edges), pa.array(np.concatenate(pcm)))
        arrays = [pa.array(column, ABOUT.field(i).type) for i, column in enumerate(columns)]
        self._writer.write_batch(pa.record_batch([*arrays, samples], schema=SCHEMA))
        self._rows, self._held_bytes = [], 0

    def finish(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.rename(self._file.name, self._file.name.removesuffix(".tmp"))

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        _remove(Path(self._file.name), self._lock)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if isinstance(error, KeyboardInterrupt | None) and not self._is_empty:
                self.finish()
        finally:
            self.discard()  # nothing is left of a finished shard


def _locked_file(folder: Path) -> tuple[BinaryIO, FileLock]:
    while True:
        path = folder / f"shard-{secrets.token_hex(8)}.arrow.tmp"
        lock = _lock_of(path)
        lock.acquire()
        file = path.open("xb")
        if os.path.exists(lock.lock_file):  # otherwise a sweep took it before it was locked
            return file, lock
        file.close()
        _remove(path, lock)


def _lock_of(unfinished: Path) -> FileLock:
    return FileLock(f"{unfinished}.lock", thread_local=False)


def _remove(unfinished: Path, lock: FileLock) -> None:
    unfinished.unlink(missing_ok=True)
    marker = Path(lock.lock_file)
    with contextlib.suppress(PermissionError):  # Windows keeps a file that is open
        marker.unlink(missing_ok=True)
    lock.release()
    marker.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed builds left behind. A shard whose lock is held is being written."""
    locks = (path.with_suffix("") for path in folder.glob("shard-*.arrow.tmp.lock"))
    for path in {*folder.glob("shard-*.arrow.tmp"), *locks}:
        lock = _lock_of(path)
        with contextlib.suppress(OSError):  # held by its writer, or swept by another process
            lock.acquire(blocking=False)
            _remove(path, lock)


# --- reading --------------------------------------------------------------------------------


class Shard(NamedTuple):
    """The rows of a shard: the columns `about` each, and the place of its samples."""

    path: Path
    about: pa.Table  # all columns but `pcm`
    offset: Ints  # [rows] bytes from the beginning of the shard
    samples: Ints  # [rows]


def describe(path: Path) -> Shard:
    """Read the rows of a shard.

    Raises `pa.ArrowException`, `ValueError` or an `OSError` without errno if it is damaged.
    """
    buffer = mapped(path)
    reader = pa.ipc.open_file(pa.BufferReader(buffer))
    if reader.schema != SCHEMA:
        raise ValueError("other columns than expected")
    batches, offsets, counts = [], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        batch.validate(full=True)
        pcm = batch["pcm"]
        edges = pcm.offsets.to_numpy()
        data = pcm.values.buffers()[1]
        offsets.append((data.address - buffer.address if data else 0) + 2 * edges[:-1])
        counts.append(np.diff(edges))
        batches.append(batch.drop_columns(["pcm"]))
    about = pa.Table.from_batches(batches, ABOUT)
    return Shard(path, about, np.concatenate(offsets), np.concatenate(counts))


def mapped(path: Path) -> pa.Buffer:
    """Memory-map a shard. Raises `UserError` if it was deleted."""
    try:
        with pa.memory_map(str(path)) as file:  # the map outlives the file, which takes no handle
            return file.read_buffer()
    except FileNotFoundError as error:
        raise UserError(f"{path}: the cache was deleted while in use; start again") from error
