"""Decoded recordings on disk, so that a random crop of any of them costs microseconds.

Audio lies as 16-bit PCM in ordinary Arrow IPC files ("shards") that are memory-mapped; memory does
not grow with the corpus. A row holds at most a minute of one file; a file's rows are consecutive:

    path, size, mtime_ns, ctime_ns   the file as it was found
    sha256                           of its content
    chunk                            0, 1, ...: which minute
    pcm                              16-bit samples, mono, 16 kHz
    reason                           on the last row of a file that can't be used: why

A file whose stat is known is not even opened; one that moved or was touched is recognised by its
content and gets a row without samples. There is no other index: the shards are read when the cache
is opened. They appear complete or not at all, are never changed, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tiny_audio_ssl.audio import (
    SAMPLE_RATE_HZ,
    AudioError,
    Waveform,
    stream,
    to_float,
    to_int16,
)
from tiny_audio_ssl.corpus import Clip, Corpus, Skipped, listing
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.files import sha256

CHUNK_SAMPLES = 60 * SAMPLE_RATE_HZ
SHARD_BYTES = 64 * 2**20  # of samples; a shard ends with the file that reaches it
FLUSH_BYTES = 8 * 2**20  # what a writer holds in memory
BATCH_BYTES = 32 * 2**20  # of encoded files handed to a worker at once
FEW_FILES = 32  # starting workers takes seconds: fewer files are decoded in this process
CHANGED = "changed while it was read"

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("chunk", pa.int32()),
        ("reason", pa.string()),
        ("pcm", pa.large_list(pa.int16())),
    ]
)

ABOUT = SCHEMA.remove(SCHEMA.get_field_index("pcm"))

Pcm = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
NO_SAMPLES: Pcm = np.zeros(0, np.int16)


def default_cache_dir() -> Path:
    """$TINY_AUDIO_SSL_CACHE, or else tiny-audio-ssl in $XDG_CACHE_HOME or ~/.cache."""
    if named := os.environ.get("TINY_AUDIO_SSL_CACHE"):
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tiny-audio-ssl"


def open_cache(
    corpus: Corpus,
    cache_dir: Path | None = None,
    workers: int | None = None,
    strict: bool = False,
    progress: bool = True,
) -> Recordings:
    """Decode what is new in `corpus`, and give access to all of it.

    Args:
        cache_dir: where decoded audio is kept, about 115 MB an hour; `default_cache_dir()` if None.
        workers: processes that decode; the number of cores if None; 1 means this process.
        strict: let a file that can't be used be an error instead of `Recordings.skipped`.
        progress: show files, hours and time left on stderr while decoding.

    Raises:
        UserError: nothing can be used; a full disk; a worker that was killed.
    """
    folder = (cache_dir or default_cache_dir()) / f"pcm-{SAMPLE_RATE_HZ}hz-v1"
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        index = _Index(folder)
        paths = list(dict.fromkeys(str(clip.path.absolute()) for clip in corpus.clips))
        rows, unusable, new = index.find(paths)
        if new:
            gone = _build(folder, new, set(index.by_sha256), workers, progress)
            index = _Index(folder)
            rows, unusable, missed = index.find(paths)
            unusable |= dict.fromkeys(missed, CHANGED) | gone
    recordings = _recordings(corpus, index, rows, unusable)
    if recordings.skipped and (strict or not recordings.clips):
        raise UserError(f"{corpus.source}: {listing(recordings.skipped)}")
    return recordings


class Recordings:
    """Clips whose samples can be read at once, in any order, by any number of processes.

    Attributes:
        clips: what can be read.
        samples: int64 `[clips]`, the length of each at 16 kHz.
        skipped: what can't be, and why.
    """

    def __init__(
        self, clips: list[Clip], skipped: list[Skipped], store: _Store, rows: Ints, spans: Ints
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
        """`samples` samples of a clip (None: all) from `start` on, float32 `[samples]`, -1..1.

        Raises:
            IndexError: there is no such clip, or it does not have that many samples.
        """
        index = range(len(self))[index]
        length = int(self.samples[index])
        count = length - start if samples is None else samples
        if start < 0 or count < 0 or start + count > length:
            raise IndexError(
                f"samples {start} to {start + count} of clip {index}, which has {length}"
            )
        begin = int(self._spans[index, 0]) + start
        return to_float(self._store.read(int(self._rows[index]), begin, count))

    def select(self, indices: Sequence[int]) -> Recordings:
        """Only these clips, in this order."""
        chosen = np.asarray(indices, np.int64)
        clips = [self.clips[index] for index in chosen]
        return Recordings(clips, self.skipped, self._store, self._rows[chosen], self._spans[chosen])


class _Store:
    """Where each row's samples lie. Maps shards on first use, so it can be pickled."""

    def __init__(self, shards: list[Path], shard: Ints, offset: Ints, samples: Ints) -> None:
        self.shards = shards
        self.shard, self.offset, self.samples = shard, offset, samples  # each [rows]
        self._maps: dict[int, npt.NDArray[np.uint8]] = {}

    def read(self, row: int, start: int, count: int) -> Pcm:
        """Samples of the file that begins at `row`: int16 `[count]`, a view where possible."""
        chunk = int(self.samples[row])  # all but the last are this long
        row, start = row + start // chunk, start % chunk
        parts = [NO_SAMPLES]
        while count > 0:
            parts.append(self._row(row)[start : start + count])
            count -= len(parts[-1])
            row, start = row + 1, 0
        return parts[-1] if len(parts) <= 2 else np.concatenate(parts)

    def _row(self, row: int) -> Pcm:
        shard, begin = int(self.shard[row]), int(self.offset[row])
        if shard not in self._maps:
            self._maps[shard] = np.frombuffer(_mapped(self.shards[shard]), np.uint8)
        return self._maps[shard][begin : begin + 2 * int(self.samples[row])].view(np.int16)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_maps": {}}


def _mapped(path: Path) -> pa.Buffer:
    try:
        with pa.memory_map(str(path)) as file:  # the map outlives the file, which takes no handle
            return file.read_buffer()
    except FileNotFoundError as error:
        raise UserError(f"{path}: the cache was deleted while in use; start again") from error


def _recordings(
    corpus: Corpus, index: _Index, rows: Mapping[str, int], unusable: Mapping[str, str]
) -> Recordings:
    clips, kept_rows, spans = [], [], []
    skipped = dict.fromkeys(corpus.skipped)
    for clip in corpus.clips:
        path = str(clip.path.absolute())
        if path in unusable:
            skipped[Skipped(clip.name or path, unusable[path])] = None  # once for all its clips
            continue
        length = index.length[rows[path]]
        begin = round(clip.start_s * SAMPLE_RATE_HZ)
        end = length if clip.end_s is None else min(length, round(clip.end_s * SAMPLE_RATE_HZ))
        if begin >= end:
            reason = f"nothing from {clip.start_s:g} s on: ends at {length / SAMPLE_RATE_HZ:.3f} s"
            skipped[Skipped(clip.name or path, reason)] = None
            continue
        clips.append(clip)
        kept_rows.append(rows[path])
        spans.append((begin, end))
    return Recordings(
        clips,
        list(skipped),
        index.store,
        np.array(kept_rows, np.int64),
        np.array(spans, np.int64).reshape(-1, 2),
    )


# --- finding files in the shards ------------------------------------------------------------


class _Stat(NamedTuple):
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


def _stat(path: str) -> _Stat:
    status = os.stat(path)
    return _Stat(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class _Index:
    """What all shards of a folder hold."""

    def __init__(self, folder: Path) -> None:
        shards: list[Path] = []
        tables = [ABOUT.empty_table()]
        shard, offsets, samples = ([np.zeros(0, np.int64)] for _ in range(3))
        for path in sorted(folder.glob("shard-*.arrow")):
            if not path.exists():  # another build has dropped it since
                continue
            try:
                table, offset, count = _describe(path)
            except (pa.ArrowException, OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno:  # the disk's fault, not the shard's
                    raise
                warnings.warn(f"{path}: dropped, to be made anew ({error})", stacklevel=3)
                path.unlink(missing_ok=True)
                continue
            shard.append(np.full(len(offset), len(shards), np.int64))
            shards.append(path)
            tables.append(table)
            offsets.append(offset)
            samples.append(count)
        self.store = _Store(shards, *map(np.concatenate, (shard, offsets, samples)))
        self.by_stat: dict[tuple[Any, ...], str] = {}
        self.by_sha256: dict[str, int] = {}  # the first row of the file
        self.length: dict[int, int] = {}  # by first row
        self.reason: dict[int, str] = {}  # by first row
        self._add(pa.concat_tables(tables))

    def _add(self, table: pa.Table) -> None:
        first = np.flatnonzero(table["chunk"].to_numpy() == 0)
        if not len(first):
            return
        lengths = np.add.reduceat(self.store.samples, first)
        reasons = table["reason"].take(pa.array(np.append(first[1:], len(table)) - 1))
        files = table.take(pa.array(first))
        stats = zip(*(files[name].to_pylist() for name in _Stat._fields), strict=True)
        for stat, digest, row, length, reason in zip(
            stats,
            files["sha256"].to_pylist(),
            first.tolist(),
            lengths.tolist(),
            reasons.to_pylist(),
            strict=True,
        ):
            if reason == CHANGED:
                continue
            self.by_stat[stat] = digest
            if length or reason:  # else it only says that the content is elsewhere
                self.by_sha256[digest] = row
                self.length[row] = length
            if reason:
                self.reason[row] = reason

    def find(self, paths: Iterable[str]) -> tuple[dict[str, int], dict[str, str], dict[str, int]]:
        """First rows of the usable ones; reasons of the others; sizes in bytes of the unknown."""
        rows, unusable, new = {}, {}, {}
        for path in paths:
            try:
                stat = _stat(path)
            except OSError as error:
                unusable[path] = _reason(error)
                continue
            row = self.by_sha256.get(self.by_stat.get(stat, ""))
            if row is None:
                new[path] = stat.size
            elif row in self.reason:
                unusable[path] = self.reason[row]
            else:
                rows[path] = row
        return rows, unusable, new


def _describe(path: Path) -> tuple[pa.Table, Ints, Ints]:
    """A shard's rows without the samples; where in the file those begin, in bytes; how many."""
    buffer = _mapped(path)
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
    table = pa.Table.from_batches(batches, ABOUT)
    return table, np.concatenate(offsets), np.concatenate(counts)


# --- writing shards -------------------------------------------------------------------------


class _Shard:
    """A shard being written. Locked while it lasts, so that a sweep knows it from leftovers."""

    def __init__(self, folder: Path) -> None:
        self.bytes = 0
        self._rows: list[tuple[Any, ...]] = []
        self._held_bytes = 0
        self._file = _locked_file(folder)
        self._writer = pa.ipc.new_file(self._file, SCHEMA)

    def add(
        self, stat: _Stat, digest: str, chunk: int, pcm: Pcm, reason: str | None = None
    ) -> None:
        self._rows.append((*stat, digest, chunk, reason, pcm))
        self.bytes += pcm.nbytes
        self._held_bytes += pcm.nbytes
        if self._held_bytes >= FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        *columns, pcm = zip(*self._rows, strict=True)
        edges = np.cumsum([0, *map(len, pcm)])
        samples = pa.LargeListArray.from_arrays(pa.array(edges), pa.array(np.concatenate(pcm)))
        arrays = [pa.array(column, SCHEMA[i].type) for i, column in enumerate(columns)]
        self._writer.write_batch(pa.record_batch([*arrays, samples], schema=SCHEMA))
        self._rows, self._held_bytes = [], 0

    def finish(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        os.rename(self._file.name, self._file.name.removesuffix(".tmp"))
        self._file.close()

    def discard(self) -> None:
        Path(self._file.name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()


def _locked_file(folder: Path) -> BinaryIO:
    while True:
        file = (folder / f"shard-{secrets.token_hex(8)}.arrow.tmp").open("xb")
        if _lock(file) and os.path.exists(file.name):  # else a sweep was quicker
            return file
        file.close()


def _lock(file: BinaryIO) -> bool:
    """Whether nobody else holds it. Without flock, Windows keeps open files from being deleted."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # a file system without locks
            return error.errno != errno.EINTR
    return True


def _sweep(folder: Path) -> None:
    """Remove what killed builds left behind."""
    for path in folder.glob("shard-*.arrow.tmp"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            if _lock(file):
                path.unlink()


def _decode(
    paths: Sequence[str],
    folder: Path,
    known: set[str],
    note: Callable[[float], None],
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, str]:
    """Write shards of these files, calling `note(seconds)` after each.

    Returns the reasons of files that could not even be hashed: nothing is remembered of them.
    """
    gone = {}
    shard: _Shard | None = None
    try:
        for path in paths:
            try:
                stat, digest = _stat(path), sha256(Path(path))
            except OSError as error:
                gone[path] = _reason(error)
                note(0.0)
                continue
            shard = shard or _Shard(folder)
            if digest in known:
                shard.add(stat, digest, 0, NO_SAMPLES)
                note(0.0)
            else:
                note(_add(shard, stat, digest, stopped) / SAMPLE_RATE_HZ)
                known.add(digest)
            if shard.bytes >= SHARD_BYTES:
                shard.finish()
                shard = None
        if shard:
            shard.finish()
    except BaseException:
        if shard:
            shard.discard()
        raise
    return gone


def _add(shard: _Shard, stat: _Stat, digest: str, stopped: Callable[[], bool]) -> int:
    chunk = samples = 0
    reason = None
    try:
        for pcm in _chunks(map(to_int16, stream(stat.path))):
            if stopped():
                raise KeyboardInterrupt
            shard.add(stat, digest, chunk, pcm)
            chunk, samples = chunk + 1, samples + len(pcm)
    except AudioError as error:
        reason = error.reason
    if _has_changed(stat):
        reason = CHANGED
    if reason:
        shard.add(stat, digest, chunk, NO_SAMPLES, reason)
    return samples


def _has_changed(stat: _Stat) -> bool:
    try:
        return _stat(stat.path) != stat
    except OSError:
        return True


def _chunks(blocks: Iterable[Pcm]) -> Iterator[Pcm]:
    held = NO_SAMPLES
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= CHUNK_SAMPLES:
            yield held[:CHUNK_SAMPLES]
            held = held[CHUNK_SAMPLES:]
    if len(held):
        yield held


def _reason(error: OSError) -> str:
    missing = isinstance(error, FileNotFoundError)
    return "not there" if missing else (error.strerror or str(error)).lower()


# --- decoding many files --------------------------------------------------------------------


def _build(
    folder: Path, sizes: dict[str, int], known: set[str], workers: int | None, progress: bool
) -> dict[str, str]:
    workers = workers or _cores()
    with _display(len(sizes), progress) as show:
        if workers == 1 or (len(sizes) < FEW_FILES and sum(sizes.values()) < BATCH_BYTES):
            return _here(list(sizes), folder, known, show)
        return _in_pool(_batches(sizes, workers), folder, known, workers, show)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _here(
    paths: list[str], folder: Path, known: set[str], show: Callable[[int, float], None]
) -> dict[str, str]:
    seconds: list[float] = []

    def note(more: float) -> None:
        seconds.append(more)
        show(len(seconds), sum(seconds))

    return _decode(paths, folder, known, note)


def _batches(sizes: Mapping[str, int], workers: int) -> list[list[str]]:
    """Files shared out so that every worker comes back several times, for balance."""
    most = min(BATCH_BYTES, sum(sizes.values()) // (8 * workers))
    batches: list[list[str]] = [[]]
    filled = 0
    for path, size in sizes.items():
        if filled and filled + size > most:
            batches.append([])
            filled = 0
        batches[-1].append(path)
        filled += size
    return batches


class _Tally:
    """How far each batch is: plain memory that the workers write and this process reads."""

    def __init__(self, batches: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.files = context.RawArray("q", [-1] * batches)  # -1: not begun
        self.seconds = context.RawArray("d", batches)
        self.stopped = context.RawValue("b", 0)

    def begin(self, batch: int) -> None:
        self.files[batch] = 0

    def add(self, batch: int, seconds: float) -> None:
        self.files[batch] += 1
        self.seconds[batch] += seconds

    def totals(self) -> tuple[int, float]:
        return sum(max(0, count) for count in self.files), sum(self.seconds)


_worker: tuple[Path, set[str], _Tally]


def _start_worker(folder: Path, known: set[str], tally: _Tally) -> None:
    global _worker
    _worker = folder, known, tally
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and sets `stopped`
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would otherwise wait for work for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _work(batch: int, paths: Sequence[str]) -> dict[str, str]:
    folder, known, tally = _worker
    tally.begin(batch)
    return _decode(
        paths, folder, known, lambda s: tally.add(batch, s), lambda: bool(tally.stopped.value)
    )


def _in_pool(
    batches: list[list[str]],
    folder: Path,
    known: set[str],
    workers: int,
    show: Callable[[int, float], None],
) -> dict[str, str]:
    tally = _Tally(len(batches))
    gone: dict[str, str] = {}
    # A fork beside the threads of torch or of a progress bar may hang; spawn is safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (folder, known, tally)) as pool:
        pending = {pool.submit(_work, *item) for item in enumerate(batches)}
        try:
            while pending:
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
                for future in done:
                    gone |= future.result()
                show(*tally.totals())
        except BrokenProcessPool as error:
            raise UserError(_who_killed(batches, tally)) from error
        finally:
            tally.stopped.value = 1
            pool.shutdown(cancel_futures=True)
    return gone


def _who_killed(batches: list[list[str]], tally: _Tally) -> str:
    begun = [(batch, done) for batch, done in zip(batches, tally.files, strict=True) if done >= 0]
    if not begun:
        return (
            "the worker processes did not start. In a script, put the call under "
            '`if __name__ == "__main__":`, or use workers=1 (--workers 1)'
        )
    suspects = [batch[done] for batch, done in begun if done < len(batch)]
    return (
        "a worker process was killed (out of memory?) while decoding one of these:\n  "
        + "\n  ".join(suspects)
        + "\nTake the file out, or try again with fewer workers (--workers 1)"
    )


@contextlib.contextmanager
def _display(files: int, progress: bool) -> Iterator[Callable[[int, float], None]]:
    columns = (
        TextColumn("decoding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[hours]:.2f} h,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task("", total=files, hours=0.0)
        yield lambda count, seconds: bar.update(task, completed=count, hours=seconds / 3600)


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
