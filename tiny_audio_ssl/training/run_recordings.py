"""The recordings of a run: those long enough for its task, listed in `RUN/recordings.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.corpus import Skipped
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.utils.files import atomic_file

RECORDINGS, SKIPPED = "recordings.csv", "skipped.csv"
COLUMNS = ("path", "start_s", "end_s", "samples", "split")  # of the recordings
TOO_SHORT = "shorter than the"


def long_enough(recordings: Recordings, config: PretrainConfig, strict: bool = False) -> Recordings:
    """Move recordings that are shorter than the task's clip to `skipped`.

    They are not repeated to fill a clip: a task would learn to recognize the loop.

    Raises `UserError` if all are too short, or any is and `strict`.
    """
    needed_s = config.crop_samples / SAMPLE_RATE_HZ
    fits = recordings.samples >= config.crop_samples
    short = [
        Skipped(
            str(recordings.clips[i].path),
            f"{recordings.samples[i] / SAMPLE_RATE_HZ:.3f} s: "
            f"{TOO_SHORT} {needed_s:.3f} s that {config.task} needs",
        )
        for i in np.flatnonzero(~fits)
    ]
    if short and (strict or not fits.any()):
        longest = recordings.samples.max() / SAMPLE_RATE_HZ
        raise UserError(
            f"{config.task} needs clips of {needed_s:.3f} s; {len(short)} of {len(recordings)} "
            f"recordings are shorter (the longest has {longest:.3f} s). Lower the need with "
            f"{config.pretext.length_option()}"
        )
    kept = recordings.select(np.flatnonzero(fits))
    kept.skipped = [*recordings.skipped, *short]
    return kept


def write_recordings(path: Path, recordings: Recordings, train: set[int]) -> None:
    """Write every recording, and whether it is trained on or held out."""
    rows = (
        [
            clip.path.absolute(),
            clip.start_s,
            "" if clip.end_s is None else clip.end_s,
            samples,
            "train" if index in train else "held_out",
        ]
        for index, (clip, samples) in enumerate(
            zip(recordings.clips, recordings.samples, strict=True)
        )
    )
    write_csv(path, [*COLUMNS], rows)


def write_csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    """Write a CSV file, atomically."""
    with atomic_file(path) as work, work.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
