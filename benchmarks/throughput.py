"""Measure the speed of pre-training, the time that reading takes of it, and memory.

Speed: the training loop, with steps that take their clips in turn from

    cache    the decoded cache, as usual
    tensors  tensors in memory: the most that faster reading could gain
    files    the audio files, decoding each crop in each step

Memory: of a fresh process (anonymous pages: mapped files don't count) after it has trained on all
of some built-in sounds, and on ten times as many; and the peak before that, mostly from fitting the
task on up to 2,000 clips. Only on Linux.

    OMP_NUM_THREADS=1 python benchmarks/throughput.py FOLDER
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from tiny_audio_ssl import __version__
from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio import synthetic as sounds
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.data.batches import Batches
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.training.config import DEFAULT_TASK, PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.run_recordings import long_enough
from tiny_audio_ssl.training.trainer import Trainer
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).resolve().parent / "results"
SOURCE = os.environ.get("TINY_AUDIO_SSL_DATA", "builtin")
KINDS = ("cache", "tensors", "files")
PAGES = Path("/proc/self/smaps_rollup")
IN_MEMORY = 8  # batches, used in turn


@dataclass(frozen=True)
class Throughput:
    """Clips per second and memory of pre-training."""

    source: tyro.conf.Positional[str] = SOURCE
    """Folder, CSV manifest or `builtin`; TINY_AUDIO_SSL_DATA names the default."""
    encoders: tuple[str, ...] = ("mobile", "separable")
    task: str = DEFAULT_TASK
    batch_size: int = 64
    rounds: int = 40
    """Timed steps of each kind."""
    warm_up: int = 5
    """Steps of each kind before the timed ones."""
    threads: int = 1
    memory_takes: int = 32
    """Built-in sounds of each of eight classes in the smaller corpus; 0 leaves memory out."""
    cache_dir: Path | None = None
    """Folder for decoded audio; a temporary one by default."""
    out: Path = RESULTS / "throughput.csv"


@dataclass(frozen=True)
class Row:
    what: str  # one of KINDS, or memory
    encoder: str
    task: str
    corpus: str
    clips: int
    hours: float
    batch_size: int
    threads: int
    clips_per_s: float | None = None  # median
    ratio: float | None = None  # to `tensors`, the median over the rounds; to `memory 1x`
    memory_mb: float | None = None  # 2^20 bytes, without freed memory
    peak_mb: float | None = None
    step_ms: str = ""  # every timed step, in order
    device: str = field(default_factory=device_name)
    torch_version: str = torch.__version__
    version: str = __version__


def main(options: Throughput) -> None:
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        rows = [*_speed(options, Path(name)), *_memory(options, Path(name))]
    write_rows(options.out, map(asdict, rows))
    Console().print(_table(rows))


def _config(options: Throughput, encoder: str, steps: int) -> PretrainConfig:
    training = TrainingConfig(
        steps=steps,
        batch_size=options.batch_size,
        log_every=steps,
        validate_every=steps,
        checkpoint_every=steps,
        accelerator="cpu",
    )
    pretext = pretext_class(options.task).Config()
    return PretrainConfig(options.task, pretext, EncoderConfig(encoder), training=training)


def _about(options: Throughput, recordings: Recordings) -> dict[str, Any]:
    return {
        "task": options.task,
        "clips": len(recordings),
        "hours": round(recordings.total_s / 3600, 3),
        "batch_size": options.batch_size,
        "threads": options.threads,
    }


# --- speed ----------------------------------------------------------------------------------


def _speed(options: Throughput, work: Path) -> Iterator[Row]:
    cached = open_cache(open_corpus(options.source), options.cache_dir or work / "cache")
    steps = len(KINDS) * (options.warm_up + options.rounds) + 1  # the last also saves: left out
    for encoder in options.encoders:
        config = _config(options, encoder, steps)
        recordings = long_enough(cached, config)
        trainer = Trainer(config, work / encoder, recordings, recordings.select([]), progress=False)
        trainer.batches = turns = Turns(recordings, config)
        trainer.run()
        measured = slice(options.warm_up, options.warm_up + options.rounds)
        timed = {kind: turns.seconds[kind][measured] for kind in KINDS}
        for kind in KINDS:
            ratios = [m / s for m, s in zip(timed["tensors"], timed[kind], strict=True)]
            yield Row(
                what=kind,
                encoder=encoder,
                corpus="/".join(Path(options.source).parts[-2:]),
                clips_per_s=round(options.batch_size / median(timed[kind]), 1),
                ratio=round(median(ratios), 3),
                step_ms=" ".join(f"{1000 * seconds:.1f}" for seconds in timed[kind]),
                **_about(options, recordings),
            )


class Turns(Batches):
    """Give the loop clips of each kind in turn, and time the steps."""

    def __init__(self, recordings: Recordings, config: PretrainConfig) -> None:
        training = config.training
        self.like = (config.crop_samples, training.batch_size, training.seed)
        super().__init__(recordings, *self.like)
        self.seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}

    def loader(self, first_step: int, last_step: int, workers: int) -> Iterator[Tensor]:  # type: ignore[override]
        there = [self[step] for step in range(IN_MEMORY)]
        files = Batches(FromFiles(self.recordings), *self.like)
        steps = range(first_step, last_step)
        sources = {
            "cache": iter(super().loader(first_step, last_step, workers)),
            "tensors": (there[step % IN_MEMORY] for step in steps),
            "files": iter(files.loader(first_step, last_step, workers)),
        }
        for step in steps:
            # Each round begins with another kind, so that the kinds follow each other in turn.
            kind = KINDS[(step + step // len(KINDS)) % len(KINDS)]
            began = time.perf_counter()
            yield next(sources[kind])  # the loop trains on it before asking for the next
            self.seconds[kind].append(time.perf_counter() - began)


class FromFiles(Recordings):
    """The same recordings, decoded from their files whenever they are read."""

    def __init__(self, recordings: Recordings) -> None:
        self.__dict__.update(recordings.__dict__)

    def read(self, index: int, start: int = 0, samples: int | None = None) -> Waveform:
        clip = self.clips[index]
        begin = round(clip.start_s * SAMPLE_RATE_HZ) + start
        end = None if samples is None else (begin + samples) / SAMPLE_RATE_HZ
        return audio.read(clip.path, begin / SAMPLE_RATE_HZ, end)


# --- memory ---------------------------------------------------------------------------------


def _memory(options: Throughput, work: Path) -> Iterator[Row]:
    first_mb = None
    largest = 10 * options.memory_takes * len(sounds.SOUNDS)
    steps = max(1, -(-largest // options.batch_size))  # as many for both corpora
    config = _config(options, options.encoders[0], steps)
    for times in (1, 10) if largest and PAGES.exists() else ():
        takes = times * options.memory_takes
        manifest, cache_dir = sounds.write(work / f"sounds-{times}", takes), work / f"cache-{times}"
        recordings = open_cache(open_corpus(manifest), cache_dir)
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            run = work / f"run-{times}"
            held = fresh.submit(_train, manifest, cache_dir, config, run, options.threads)
        mb, peak_mb = held.result()
        first_mb = first_mb or mb
        yield Row(
            what=f"memory {times}x",
            encoder=options.encoders[0],
            corpus=f"builtin:{takes}",
            ratio=round(mb / first_mb, 3),
            memory_mb=round(mb, 1),
            peak_mb=round(peak_mb, 1),
            **_about(options, recordings),
        )


def _train(
    manifest: Path, cache_dir: Path, config: PretrainConfig, run: Path, threads: int
) -> tuple[float, float]:
    """Train, and return the memory of this process at the end and at its peak, in MB."""
    torch.set_num_threads(threads)
    seen_mb, ended = [_anonymous_mb()], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            seen_mb.append(_anonymous_mb())

    threading.Thread(target=watch, daemon=True).start()
    recordings = long_enough(open_cache(open_corpus(manifest), cache_dir), config)
    trainer = Trainer(config, run, recordings, recordings.select([]), progress=False)
    trainer.run()
    ended.set()
    ctypes.CDLL(None).malloc_trim(0)  # otherwise the C library keeps some of it, at random
    return _anonymous_mb(), max(seen_mb)


def _anonymous_mb() -> float:
    lines = PAGES.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def _table(rows: list[Row]) -> Table:
    first = rows[0]
    title = f"{first.task}, batch {first.batch_size}, threads: {first.threads}, {first.device}"
    made = Table(title=title)
    for name in ("what", "encoder"):
        made.add_column(name, no_wrap=True)
    for name in ("clips", "hours", "clips/s", "ratio", "MB", "peak MB"):
        made.add_column(name, justify="right")
    for row in rows:
        numbers = (row.clips, row.hours, row.clips_per_s, row.ratio, row.memory_mb, row.peak_mb)
        texts = ("" if number is None else f"{number:g}" for number in numbers)
        made.add_row(row.what, row.encoder, *texts)
    return made


if __name__ == "__main__":
    try:
        main(tyro.cli(Throughput, description=__doc__))
    except UserError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(2)
