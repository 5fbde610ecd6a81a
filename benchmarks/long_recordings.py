"""Speed and memory of embedding long recordings, beside openWakeWord's and YAMNet's own pipelines.

A recording is two minutes of speech, repeated to the wanted length, as a FLAC file. A measurement
is a fresh process, which decodes the file and embeds it: ours with `tiny-audio-ssl embed` and an
empty cache; openWakeWord with `AudioFeatures` of its package, a window every 80 ms; YAMNet in
LiteRT, a patch of 0.96 s every 0.48 s. All run at once, and their seconds are those that a core
computes, so that other processes disturb little, and each as much. The speed is of what a recording
has beyond two minutes, so that starting is left out. Only on Linux.

    OMP_NUM_THREADS=1 PYTHONPATH=benchmarks/peers python benchmarks/long_recordings.py \\
        --data DATA --yamnet yamnet_spectra_in.tflite
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
import tyro

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, Waveform, read
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.utils.files import write_rows
from tiny_audio_ssl.version import __version__

RESULTS = Path(__file__).resolve().parent / "results" / "long_recordings.csv"
BLOCK_S = 120  # of speech that is repeated; also the shortest recording
OWN = ["-m", "tiny_audio_ssl", "embed", "{model}", "{file}"]
OWN += ["--out", "{out}", "--cache-dir", "{cache}"]
OPENWAKEWORD = """
import sys, soundfile
from openwakeword.utils import AudioFeatures
pcm, _ = soundfile.read(sys.argv[1], dtype="int16")
AudioFeatures(ncpu=1).embed_clips(pcm[None])
"""
YAMNET = """
import sys, soundfile, torch
from yamnet_embedding import load_model
torch.set_num_threads(1)
wave, _ = soundfile.read(sys.argv[1], dtype="float32")
load_model(sys.argv[2])(torch.from_numpy(wave)[None])
"""


@dataclass(frozen=True)
class LongRecordings:
    """Hours of sound that one core embeds in a minute, and memory by length."""

    data: Path = Path(os.environ.get("TINY_AUDIO_SSL_DATA", "data"))
    """Folder with `free_speech/meta.csv`; TINY_AUDIO_SSL_DATA names the default."""
    yamnet: Path | None = None
    """`yamnet_spectra_in.tflite`; left out, YAMNet is not measured."""
    models: tuple[str, ...] = ("small",)
    """Runs or models by their names."""
    minutes: tuple[int, ...] = (20, 60, 180)
    """Lengths of recordings besides two minutes."""
    peer_minutes: int = 20
    """The longest recording for peers, and for windows as dense as theirs."""
    rounds: int = 3
    csv: Path = RESULTS


@dataclass(frozen=True)
class Pipeline:
    """A command that embeds a file, with {file}, {out} and {cache} in it."""

    name: str
    setting: str
    command: list[str]
    longest: int  # minutes of a recording that it is measured with
    core_s: dict[int, list[float]] = field(default_factory=dict)  # by minutes
    peak_mb: dict[int, list[float]] = field(default_factory=dict)


def main(wanted: LongRecordings) -> None:
    with tempfile.TemporaryDirectory(prefix="long-") as name:
        work = Path(name)
        block = speech(wanted.data)
        found = list(pipelines(wanted))
        lengths = (BLOCK_S // 60, *wanted.minutes)
        files = {minutes: recording(work, block, minutes) for minutes in lengths}
        for _ in range(wanted.rounds):
            for minutes in lengths:
                measure([one for one in found if minutes <= one.longest], files[minutes], minutes)
    write_rows(wanted.csv, rows(found, wanted))


def speech(data: Path) -> Waveform:
    """Return BLOCK_S seconds of speech."""
    parts: list[Waveform] = []
    clips = open_corpus(data / "free_speech" / "meta.csv").clips
    order = np.random.default_rng(0).permutation(len(clips))
    while sum(map(len, parts)) < BLOCK_S * SAMPLE_RATE_HZ:
        parts.append(read(clips[order[len(parts)]].path))
    return np.concatenate(parts)[: BLOCK_S * SAMPLE_RATE_HZ]


def recording(folder: Path, block: Waveform, minutes: int) -> Path:
    """Write a file that repeats the block, and return its path."""
    path = folder / f"{minutes}.flac"
    with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, 1, "PCM_16") as file:
        for _ in range(minutes * 60 // BLOCK_S):
            file.write(block)
    return path


def pipelines(wanted: LongRecordings) -> Iterator[Pipeline]:
    longest = max(wanted.minutes)
    for model in wanted.models:
        own = [part if part != "{model}" else model for part in OWN]
        windows = [*own, "--window-s", "0.975"]
        yield Pipeline(model, "whole", own, longest)
        yield Pipeline(model, "0.975 s, one after the other", windows, longest)
        dense = [*windows, "--hop-s", "0.08"]
        yield Pipeline(model, "0.975 s every 0.08 s", dense, wanted.peer_minutes)
    peer = ["-c", OPENWAKEWORD, "{file}"]
    yield Pipeline("openWakeWord", "0.775 s every 0.08 s", peer, wanted.peer_minutes)
    if wanted.yamnet:
        peer = ["-c", YAMNET, "{file}", str(wanted.yamnet.absolute())]
        yield Pipeline("YAMNet", "0.96 s every 0.48 s", peer, wanted.peer_minutes)


def measure(together: Sequence[Pipeline], file: Path, minutes: int) -> None:
    """Run pipelines in fresh processes, all at once, so that each is disturbed as much."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        started = {}
        for number, one in enumerate(together):
            own = f"{folder}/{number}"
            places = {"{file}": str(file), "{out}": f"{own}.npy", "{cache}": own}
            command = [sys.executable, *(places.get(part, part) for part in one.command)]
            started[subprocess.Popen(command, stdout=subprocess.DEVNULL).pid] = one
        while started:
            pid, status, usage = os.wait3(0)
            one = started.pop(pid)
            if status:
                raise SystemExit(f"{one.name}, {one.setting} failed")
            one.core_s.setdefault(minutes, []).append(usage.ru_utime + usage.ru_stime)
            one.peak_mb.setdefault(minutes, []).append(usage.ru_maxrss / 1024)
            spent = f"{one.core_s[minutes][-1]:.2f} s"
            print(f"{one.name}, {one.setting}, {minutes} min: {spent}", flush=True)


def rows(found: Sequence[Pipeline], wanted: LongRecordings) -> list[dict[str, object]]:
    """Return a row for each pipeline and length."""
    short, made = BLOCK_S // 60, []
    for one in found:
        for minutes in one.core_s:
            core_s = median(one.core_s[minutes])
            beyond_s = core_s - median(one.core_s[short])
            hours = (minutes - short) / 60
            made.append(
                {
                    "model": one.name,
                    "setting": one.setting,
                    "minutes": minutes,
                    "core_s": round(core_s, 2),
                    "hours_per_core_minute": round(60 * hours / beyond_s, 1) if hours else "",
                    "peak_mb": round(median(one.peak_mb[minutes])),
                    "each_core_s": " ".join(f"{value:.2f}" for value in one.core_s[minutes]),
                    "rounds": wanted.rounds,
                    "device": device_name(),
                    "version": __version__,
                }
            )
    return made


if __name__ == "__main__":
    main(tyro.cli(LongRecordings))
