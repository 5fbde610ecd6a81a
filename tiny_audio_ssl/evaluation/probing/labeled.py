"""Open a task: decode its recordings, index its labels, make its splits."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.copies import count_copies, shared_sound
from tiny_audio_ssl.data.corpus import Clip, Skipped, column, listing
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import task_corpus
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labels import check_labels
from tiny_audio_ssl.evaluation.probing.splits import Ints, LabelTable, Split, inner, split

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenedTask:
    """A task with its recordings, labels and splits: the input of every protocol."""

    task: EvaluationTask  # with its dataset's columns filled in
    recordings: Recordings
    contents: list[str]  # hash of each recording's decoded samples
    table: LabelTable
    splits: list[Split]
    skipped: Sequence[Skipped] = ()  # recordings that `allow_missing` left out

    @property
    def classes(self) -> list[str]:
        """Names of the classes, sorted."""
        return self.table.classes

    @property
    def truth(self) -> Ints:
        """Class of each recording, [recordings], as an index into `classes`."""
        return self.table.truth

    @property
    def groups(self) -> list[str]:
        """Group of each recording, [recordings]: the task's group column, or else the file."""
        return self.table.groups

    @property
    def sounds(self) -> list[int]:
        """Number of the sound of each recording, [recordings]; copies of a sound share one."""
        found: list[int] = self.table.copies.tolist()
        return found

    @property
    def copies(self) -> int:
        """Number of recordings whose samples are those of an earlier recording."""
        return count_copies(self.contents)

    def inner(self, outer: Split) -> list[Split]:
        """Split a training part again, to choose settings on; see `splits.inner`."""
        return inner(self.table, outer, self.task.seed)

    def __len__(self) -> int:
        return len(self.recordings)


def open_task(
    task: EvaluationTask, cache_dir: Path | None = None, allow_missing: bool = False
) -> OpenedTask:
    """Read a task's manifest, decode new recordings into the cache, and split them.

    Recordings without a label are left out before anything is decoded. A recording that is absent
    or can't be decoded is an error, since leaving it out would change the task; with
    `allow_missing` it is left out and listed in `skipped`.

    Raises `UserError`: such a recording, or labels that can't be split.
    """
    try:
        return _opened(task, cache_dir, allow_missing)
    except UserError as error:
        raise UserError(f"{task.name}: {error}") from error


def _opened(task: EvaluationTask, cache_dir: Path | None, allow_missing: bool) -> OpenedTask:
    corpus, task = task_corpus(task)
    _check_missing(corpus.skipped, allow_missing)
    labels = column(corpus.clips, task.label)
    check_labels([label for label in labels if label.strip()], task.label)
    clips = [clip for clip, label in zip(corpus.clips, labels, strict=True) if label.strip()]
    _check_contradictions(clips, task.label)
    recordings = open_cache(replace(corpus, clips=tuple(clips), skipped=()), cache_dir)
    _check_missing(recordings.skipped, allow_missing)
    check_labels(column(recordings.clips, task.label), task.label)  # of what could be decoded
    contents = recordings.contents()
    table = tabulate(recordings.clips, task, shared_sound(recordings, contents))
    if copies := count_copies(contents):
        logger.warning(
            "%s: %d of %d recordings are copies of others; none is trained on where the same sound "
            "is tested, and intervals count them once",
            task.name,
            copies,
            len(recordings),
        )
    splits = split(table, task.folds, task.seed)
    skipped = [*corpus.skipped, *recordings.skipped]
    return OpenedTask(task, recordings, contents, table, splits, skipped)


def _check_contradictions(clips: Sequence[Clip], label: str) -> None:
    """Raise `UserError` if two rows give one part of a file two labels."""
    first: dict[tuple[str, float, float | None], Clip] = {}
    for clip in clips:
        other = first.setdefault((os.path.realpath(clip.path), clip.start_s, clip.end_s), clip)
        if other.columns[label] != clip.columns[label]:
            lines = f" (lines {other.line} and {clip.line})" if clip.line else ""
            raise UserError(
                f"{clip.name or clip.path} has two labels{lines}: {other.columns[label]!r} and "
                f"{clip.columns[label]!r}; keep one of the rows, or give each its start_s and end_s"
            )


def _check_missing(skipped: Sequence[Skipped], allowed: bool) -> None:
    if skipped and not allowed:
        raise UserError(
            f"{listing(skipped)}\nCorrect the manifest, or use --allow-missing to measure on the "
            "remaining recordings"
        )


def tabulate(clips: Sequence[Clip], task: EvaluationTask, copies: Ints | None = None) -> LabelTable:
    """Return the columns that decide the splits. An empty group cell makes the file a group."""
    classes, truth = np.unique(np.array(column(clips, task.label)), return_inverse=True)
    files = [str(clip.path) for clip in clips]
    named = column(clips, task.group) if task.group else [""] * len(clips)
    return LabelTable(
        truth=truth.astype(np.int64),
        classes=[str(name) for name in classes],
        groups=[name or file for name, file in zip(named, files, strict=True)],
        copies=np.arange(len(clips)) if copies is None else copies,
        folds=column(clips, task.fold) if task.fold else None,
        parts=column(clips, task.split) if task.split else None,
    )
