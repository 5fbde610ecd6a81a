"""The recordings of a run: those long enough for its task, listed in `RUN/recordings.csv`."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.copies import count_copies, shared_sound
from tiny_audio_ssl.data.corpus import Corpus, Skipped, listing, split
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.utils.files import atomic_file

RECORDINGS, SKIPPED = "recordings.csv", "skipped.csv"
COLUMNS = ("path", "start_s", "end_s", "samples")  # the first of the recordings
TOO_SHORT = "shorter than the"
CONTENT = "content_sha256"  # column of RECORDINGS, see `Recordings.content`
FEWEST_USABLE = 0.1  # share of a corpus; if no more can be used, that is taken for a mistake
logger = logging.getLogger(__name__)


def check_columns(corpus: Corpus, config: PretrainConfig) -> None:
    """Raise `UserError` unless the corpus has the columns that the task needs."""
    for name in config.pretext.columns():
        try:
            corpus.column(name)
        except UserError as error:
            raise UserError(
                f"{corpus.source}: {error}. {config.task} needs it for "
                f"{config.pretext.columns_option()}; list the recordings in a CSV manifest that "
                "has this column, with empty cells where nothing is known, or change the option"
            ) from None


def check_classes(corpus: Corpus, config: PretrainConfig) -> None:
    """Warn about classes of a column that are not in the task's list and count as no label.

    Raises `UserError` if no recording has a class of the list.
    """
    for name, classes in config.pretext.class_lists().items():
        cells = [cell for cell in map(str.strip, corpus.column(name)) if cell]
        others = [cell for cell in cells if cell not in classes]
        named = ", ".join(sorted(set(others))[:5])
        if len(others) == len(cells):
            raise UserError(
                f"{corpus.source}: no recording has one of the classes {', '.join(classes)} in "
                f"column {name!r}; found {named or 'only empty cells'}. Correct "
                f"{config.pretext.columns_option()}"
            )
        if others:
            logger.warning(
                "%d of %d recordings are used without their %s, which is not among %s: %s",
                len(others),
                len(corpus.clips),
                name,
                config.pretext.columns_option(),
                named,
            )


def long_enough(recordings: Recordings, config: PretrainConfig, strict: bool = False) -> Recordings:
    """Move recordings that are shorter than the task's clip to `skipped`.

    They are not repeated to fill a clip, because a task would learn to recognize the loop.

    Raises `UserError` if all recordings are too short, or if any is and `strict` is set.
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
            f"recordings are shorter (the longest has {longest:.3f} s). Shorten the clips with "
            f"{config.pretext.length_option()}"
        )
    kept = recordings.select(np.flatnonzero(fits))
    kept.skipped = [*recordings.skipped, *short]
    return kept


def check_most_usable(source: str, recordings: Recordings) -> None:
    """Raise `UserError` if at most one in ten recordings of a source can be used."""
    skipped = recordings.skipped
    total = len(recordings) + len(skipped)
    if len(recordings) <= FEWEST_USABLE * total:
        raise UserError(
            f"{source}: only {len(recordings)} of {total} recordings can be used, and training "
            f"needs more than {FEWEST_USABLE:.0%}; {listing(skipped)}\nCorrect or remove "
            "these, or list the recordings to train on in a CSV manifest"
        )


def split_recordings(
    recordings: Recordings,
    contents: Sequence[str],
    fraction: float,
    seed: int,
    group_column: str | None = None,
) -> tuple[list[int], list[int]]:
    """Return the indices of training and held-out recordings, with all copies of a sound, whose
    hashes are in `contents`, on one side; see `corpus.split`."""
    sounds = shared_sound(recordings, contents).tolist()
    if copies := count_copies(contents):
        logger.warning(
            "%d of %d recordings are copies of others, with the same sound; copies are trained on "
            "or held out together",
            copies,
            len(recordings),
        )
    return split(recordings.clips, fraction, seed, group_column, sounds)


def check_unchanged(run: Path, corpus: Corpus, recordings: Recordings) -> None:
    """Check that the recordings of a run, `corpus`, have not changed since the run began.

    Raises `UserError` if recordings are missing or their decoded samples differ.
    """
    gone = [f"{s.path}: {s.reason}" for s in recordings.skipped]
    known = [clip.columns.get(CONTENT, "") for clip in recordings.clips]
    if not all(known):
        logger.warning(
            "%s does not hold hashes of the recordings, as older versions did not write them; "
            "recordings without one are compared by length alone",
            run / RECORDINGS,
        )
    changed = []
    for index, (clip, content) in enumerate(zip(recordings.clips, known, strict=True)):
        if int(clip.columns["samples"]) != recordings.samples[index]:
            changed.append(f"{clip.path}: has another length than when the run began")
        elif content and content != recordings.content(index):
            changed.append(f"{clip.path}: has another sound than when the run began")
    if gone or changed:
        listed = "\n  ".join([*gone, *changed][:5])
        raise UserError(
            f"{run}: {len(gone) + len(changed)} recordings of {corpus.source} are gone or have "
            f"changed, so the run can't be resumed:\n  {listed}\nRestore them, or start a new run "
            "with `tiny-audio-ssl pretrain`"
        )


def write_recordings(
    path: Path,
    recordings: Recordings,
    contents: Sequence[str],
    train: set[int],
    columns: Sequence[str] = (),
) -> None:
    """Write every recording, whether it is trained on or held out, the hash of its samples, and
    the manifest's columns that the task needs."""
    rows = (
        [
            clip.path.absolute(),
            clip.start_s,
            "" if clip.end_s is None else clip.end_s,
            samples,
            content,
            "train" if index in train else "held_out",
            *(clip.columns[name] for name in columns),
        ]
        for index, (clip, samples, content) in enumerate(
            zip(recordings.clips, recordings.samples, contents, strict=True)
        )
    )
    write_csv(path, [*COLUMNS, CONTENT, "split", *columns], rows)


def write_csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    """Write a CSV file, atomically."""
    with atomic_file(path) as work, work.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
