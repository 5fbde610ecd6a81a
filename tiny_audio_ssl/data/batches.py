"""The crops of a step: a function of seed and step, so that a resumed run repeats them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.corpus import column
from tiny_audio_ssl.data.shards import Ints
from tiny_audio_ssl.data.stored_rows import StoredRows
from tiny_audio_ssl.data.word_times import read_word_times

Batch = Tensor | dict[str, Tensor]
"""Waveforms [B, samples], or tensors [B, ...] by name: waveforms beside what columns say about
them, or what a task prepared before training."""
WAVEFORMS = "waveforms"  # the name of the crops in a batch with columns
ClassLists = Mapping[str, Sequence[str]]
"""The classes of manifest columns, by the column's name."""
Item = TypeVar("Item", bound=Batch)


def seed_of(*numbers: int) -> int:
    """Return one seed for several numbers; seeds of neighboring numbers are unrelated."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def class_numbers(recordings: Recordings, class_lists: ClassLists) -> dict[str, Ints]:
    """Return the place of each recording's cell in the class list of its column, `[recordings]`.

    An empty cell, or a class that is not in the list, is -1. Raises `UserError` for a column that
    the manifest does not have.
    """
    numbers = {}
    for name, classes in class_lists.items():
        place = {text: number for number, text in enumerate(classes)}
        cells = column(recordings.clips, name)
        numbers[name] = np.array([place.get(cell.strip(), -1) for cell in cells], np.int64)
    return numbers


def segment_entries(recordings: Recordings, segment_s: float) -> Ints:
    """Return the number of each recording, as often as it begins a segment of `segment_s`.

    Otherwise an hour would count no more than a word.
    """
    segments = np.ceil(recordings.samples / (segment_s * SAMPLE_RATE_HZ)).astype(int)
    entries: Ints = np.repeat(np.arange(len(recordings)), np.maximum(1, segments))
    return entries


class BatchesByStep(Dataset[Item], Generic[Item]):
    """Item k is this process's part of the batch of step k.

    An epoch takes every entry once, in a new order each time. Every process draws the whole batch,
    and reads its own part of it.
    """

    def __init__(
        self, entries: Ints, batch_size: int, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self.entries = entries
        self.batch_size = batch_size
        self.seed = seed
        share = batch_size // processes
        self.own = slice(rank * share, (rank + 1) * share)
        self._order: tuple[int, Ints] = (-1, entries)

    def chosen(self, step: int) -> Ints:
        """Return the entries of the whole batch of a step."""
        positions = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        return np.array([self._entry(int(p)) for p in positions])

    def _entry(self, position: int) -> int:
        epoch, place = divmod(position, len(self.entries))
        if self._order[0] != epoch:
            self._order = (epoch, self.shuffled(epoch))
        return int(self._order[1][place])

    def shuffled(self, epoch: int) -> Ints:
        """Return the entries in the order of an epoch."""
        return np.random.default_rng([self.seed, 0, epoch]).permutation(self.entries)

    def loader(self, first_step: int, last_step: int, workers: int) -> DataLoader[Item]:
        """Return the batches of steps first..last-1, in that order for any number of workers."""
        return DataLoader(
            self,
            batch_size=None,
            sampler=range(first_step, last_step),
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # or it would draw from the process's own
        )


class Batches(BatchesByStep[Batch]):
    """Random crops of recordings, [B, N]; see `segment_entries` for how often each is taken.

    With `class_lists` or `word_columns`, a batch is a dictionary: the crops by the name WAVEFORMS,
    and what `Columns` says about them.
    """

    def __init__(
        self,
        recordings: Recordings,
        crop_samples: int,
        batch_size: int,
        seed: int,
        segment_s: float = 10.0,
        rank: int = 0,
        processes: int = 1,
        class_lists: ClassLists | None = None,
        word_columns: Sequence[str] = (),
    ) -> None:
        entries = segment_entries(recordings, segment_s)
        super().__init__(entries, batch_size, seed, rank, processes)
        self.recordings = recordings
        self.crop_samples = crop_samples
        self.columns = Columns(recordings, class_lists or {}, word_columns)

    def __getitem__(self, step: int) -> Batch:
        clips = self.chosen(step)
        room = self.recordings.samples[clips] - self.crop_samples
        starts = self.starts(step, room)
        own, first = clips[self.own], starts[self.own]
        return self.columns.beside(self._read(own, first), own, first)

    def starts(self, step: int, room: Ints) -> Ints:
        """Return the first sample of each row's crop, in 0..room: [B]."""
        return np.random.default_rng([self.seed, 1, step]).integers(0, room + 1)

    def _read(self, clips: Ints, starts: Ints) -> Tensor:
        batch = torch.empty(len(clips), self.crop_samples)
        for row, clip, start in zip(batch, clips, starts, strict=True):
            crop = self.recordings.read(int(clip), int(start), self.crop_samples)
            row.copy_(torch.from_numpy(crop))
        return batch


class RowBatches(BatchesByStep[dict[str, Tensor]]):
    """Rows that a task prepared before training, tensors [B, ...] by name."""

    def __init__(
        self, rows: StoredRows, batch_size: int, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        super().__init__(np.arange(len(rows)), batch_size, seed, rank, processes)
        self.rows = rows

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        return self.rows.read(self.chosen(step)[self.own])


def middle_crops(
    recordings: Recordings,
    crop_samples: int,
    batch_size: int,
    class_lists: ClassLists,
    word_columns: Sequence[str] = (),
) -> Iterator[Batch]:
    """Yield what `sequential` does, with columns as `Batches` has them, for validation."""
    columns, first = Columns(recordings, class_lists, word_columns), 0
    for crops in sequential(recordings, crop_samples, batch_size):
        clips = np.arange(first, first + len(crops))
        yield columns.beside(crops, clips, middle_starts(recordings, crop_samples)[clips])
        first += len(crops)


class Columns:
    """Facts about crops from manifest columns, by the column's name.

    For each of `class_lists` the class numbers of the crops' recordings, int64 [B]; for each of
    `word_columns` the words inside the crops, int64 [B, most words, 2] in samples.
    """

    def __init__(
        self, recordings: Recordings, class_lists: ClassLists, word_columns: Sequence[str]
    ) -> None:
        self.numbers = class_numbers(recordings, class_lists)
        self.words = {name: read_word_times(recordings, name) for name in word_columns}

    def beside(self, crops: Tensor, clips: Ints, starts: Ints) -> Batch:
        """Return crops [B, N] of these recordings, from these samples on, with the columns."""
        if not self.numbers and not self.words:
            return crops
        samples = crops.shape[1]
        columns = {name: values[clips] for name, values in self.numbers.items()}
        columns |= {name: w.inside(clips, starts, samples) for name, w in self.words.items()}
        return {WAVEFORMS: crops, **{k: torch.from_numpy(v) for k, v in columns.items()}}


def middle_starts(recordings: Recordings, crop_samples: int) -> Ints:
    """Return the first sample of the middle crop of each recording, [recordings]."""
    starts: Ints = (recordings.samples - crop_samples) // 2
    return starts


def sequential(recordings: Recordings, crop_samples: int, batch_size: int) -> Iterator[Tensor]:
    """Yield the middle crop of each recording in order, in batches."""
    starts = middle_starts(recordings, crop_samples)
    for first in range(0, len(recordings), batch_size):
        clips = range(first, min(first + batch_size, len(recordings)))
        crops = [recordings.read(i, int(starts[i]), crop_samples) for i in clips]
        yield torch.from_numpy(np.stack(crops))


def sequential_rows(rows: StoredRows, batch_size: int) -> Iterator[dict[str, Tensor]]:
    """Yield prepared rows in order, in batches, for validation and fits."""
    for first in range(0, len(rows), batch_size):
        yield rows.read(range(first, min(first + batch_size, len(rows))))
