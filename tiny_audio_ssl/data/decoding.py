"""Decode audio files into shards: in this process, or in several, with a progress bar."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import psutil

from tiny_audio_ssl.audio.errors import AudioError, in_words
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, stream, to_int16
from tiny_audio_ssl.audio.waveform import Waveform, full_scale_of
from tiny_audio_ssl.data.shard_index import Index
from tiny_audio_ssl.data.shards import (
    CHANGED,
    NO_SAMPLES,
    ShardWriter,
    Stat,
    settled_stat,
)
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import sha256
from tiny_audio_ssl.utils.progress import ProgressBar

CHUNK_SAMPLES = 60 * SAMPLE_RATE_HZ
SHARD_BYTES = 64 * 2**20  # of samples; a shard ends with the file that reaches it
BATCH_BYTES = 32 * 2**20  # of encoded files handed to a worker at once
FEW_FILES = 32  # starting workers takes seconds: fewer files are decoded in this process

Report = Callable[[int, float], None]  # so many files and seconds of audio: more, or in all


def decode(
    sizes: Mapping[str, int], folder: Path, workers: int | None, progress: bool
) -> dict[str, str]:
    """Write shards for files whose stat is not known yet; `sizes` in bytes, by path.

    Content that the shards hold already gets a row without samples.

    Returns:
        Reasons by path, for files that could not be read for now, such as on a disk that fails;
        the cache keeps nothing of them.
    """
    workers = workers or default_workers()
    if multiprocessing.current_process().daemon:  # such a process may not start others
        workers = 1
    with _display(len(sizes), progress) as show:
        if workers == 1 or (len(sizes) < FEW_FILES and sum(sizes.values()) < BATCH_BYTES):
            return _decode_here(sizes, folder, show)
        return _decode_in_pool(_batches(sizes, workers), folder, workers, show)


def default_workers() -> int:
    """Return $TINY_AUDIO_SSL_WORKERS, or the number of cores that this process may use."""
    wanted = os.environ.get("TINY_AUDIO_SSL_WORKERS", "")
    if wanted and not (wanted.isdecimal() and int(wanted) > 0):
        raise UserError(f"TINY_AUDIO_SSL_WORKERS is {wanted!r}; expected a number such as 1")
    if wanted:
        return int(wanted)
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1


@contextlib.contextmanager
def _display(files: int, progress: bool) -> Iterator[Report]:
    with ProgressBar("decoding files", files, show=progress) as bar:
        yield lambda count, seconds: bar.update(count, f"{seconds / 3600:.2f} h")


# --- in one process -------------------------------------------------------------------------


def _decode_here(paths: Iterable[str], folder: Path, show: Report) -> dict[str, str]:
    files, seconds = 0, 0.0

    def report(more_files: int, more_seconds: float) -> None:
        nonlocal files, seconds
        files, seconds = files + more_files, seconds + more_seconds
        show(files, seconds)

    return _write_shards(paths, folder, set(Index(folder).contents), report)


def _write_shards(
    paths: Iterable[str], folder: Path, known: set[str], report: Report
) -> dict[str, str]:
    """Write shards; `known` are the hashes of the content that shards hold, and is added to.

    `report` is called with the files and seconds done since its last call; it may raise, to stop.
    """
    gone: dict[str, str] = {}
    left = deque(paths)
    while left:
        with ShardWriter(folder) as shard:
            while left and shard.bytes < SHARD_BYTES:
                path = left.popleft()
                try:
                    stat, digest = settled_stat(path), sha256(Path(path))
                except OSError as error:
                    gone[path] = in_words(error)
                else:
                    if digest in known:
                        shard.add(stat, digest, 0, NO_SAMPLES)
                    elif reason := _add(shard, stat, digest, report):
                        gone[path] = reason
                    else:
                        known.add(digest)
                report(1, 0.0)
    return gone


def _add(shard: ShardWriter, stat: Stat, digest: str, report: Report) -> str | None:
    """Decode a file into a shard, with a reason if it can't be used.

    Returns:
        A reason that says nothing of the file's content: the system could not read it for now.
    """
    chunks = _chunks(stream(stat.path))
    chunk, reason, passing = 0, None, None
    try:
        while (found := _next(chunks)) is not None:
            if not isinstance(found, Exception):
                full_scale = full_scale_of(found)
                pcm = to_int16(found / np.float32(full_scale))
                shard.add(stat, digest, chunk, pcm, full_scale=full_scale)
                chunk += 1
                report(0, len(pcm) / SAMPLE_RATE_HZ)
                continue
            known = found.reason if isinstance(found, AudioError) else None
            reason = known or f"unreadable: {in_words(found)}"
            if isinstance(found.__cause__ or found, OSError | MemoryError):
                passing, reason = reason, CHANGED
            break
    except KeyboardInterrupt:
        shard.add(stat, digest, chunk, NO_SAMPLES, CHANGED)
        raise
    if passing is None and _has_changed(stat):
        reason = CHANGED
    if reason and (chunk or not passing):
        shard.add(stat, digest, chunk, NO_SAMPLES, reason)
    return passing


def _next(chunks: Iterator[Waveform]) -> Waveform | Exception | None:
    """Return the next samples, None at the end, or the error: whatever the decoder raises."""
    try:
        return next(chunks, None)
    except Exception as error:
        return error


def _has_changed(stat: Stat) -> bool:
    try:
        return Stat.of(stat.path) != stat
    except OSError:
        return True


def _chunks(blocks: Iterable[Waveform]) -> Iterator[Waveform]:
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= CHUNK_SAMPLES:
            yield held[:CHUNK_SAMPLES]
            held = held[CHUNK_SAMPLES:]
    if len(held):
        yield held


# --- in several -----------------------------------------------------------------------------


def _batches(sizes: Mapping[str, int], workers: int) -> list[list[str]]:
    """Divide files into batches so small that every worker takes several, for balance."""
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
    """Progress of each batch, in memory that the workers write and this process reads."""

    def __init__(self, batches: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.files = context.RawArray("q", [-1] * batches)  # -1: not begun
        self.seconds = context.RawArray("d", batches)
        self.stopped = context.RawValue("b", 0)

    def totals(self) -> tuple[int, float]:
        return sum(max(0, count) for count in self.files), sum(self.seconds)


_worker: tuple[Path, set[str], _Tally]


def _start_worker(folder: Path, tally: _Tally) -> None:
    global _worker
    # Read here, not sent: starting a process with a large argument blocks if it dies early.
    _worker = folder, set(Index(folder).contents), tally
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and sets `stopped`
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when its parent is killed; it would wait for work forever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _work(batch: int, paths: list[str]) -> dict[str, str]:
    folder, known, tally = _worker
    tally.files[batch] = 0

    def report(files: int, seconds: float) -> None:
        tally.files[batch] += files
        tally.seconds[batch] += seconds
        if tally.stopped.value:
            raise KeyboardInterrupt

    return _write_shards(paths, folder, known, report)


def _decode_in_pool(
    batches: list[list[str]], folder: Path, workers: int, show: Report
) -> dict[str, str]:
    tally = _Tally(len(batches))
    gone: dict[str, str] = {}
    # Forking beside the threads of torch or of a progress bar may hang; spawning is safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (folder, tally)) as pool:
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
            '`if __name__ == "__main__":`, or use workers=1 (or TINY_AUDIO_SSL_WORKERS=1)'
        )
    suspects = [batch[done] for batch, done in begun if done < len(batch)]
    return (
        "a worker process was killed (out of memory?) while decoding one of these:\n  "
        + "\n  ".join(suspects)
        + "\nTake the file out, or try again with one worker: TINY_AUDIO_SSL_WORKERS=1"
    )
