from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.batches import WAVEFORMS, Batches, middle_crops, seed_of, sequential
from tiny_audio_ssl.data.corpus import Clip


class Counting:
    """Recordings whose samples say which clip and which sample they are."""

    def __init__(self, *lengths: int) -> None:
        self.samples = np.array(lengths)

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int, start: int, samples: int) -> np.ndarray:
        assert start >= 0 and start + samples <= self.samples[index]
        return (index * 1_000_000 + start + np.arange(samples)).astype(np.float32)


def clips_of(batch: torch.Tensor) -> list[int]:
    return (batch[:, 0] // 1_000_000).int().tolist()


def test_batch_is_a_function_of_seed_and_step():
    recordings = Counting(*[500] * 20)
    first, again = (Batches(recordings, 100, 8, seed=1) for _ in range(2))
    assert torch.equal(first[5], again[5])
    assert torch.equal(again[3], first[3])  # in any order
    assert not torch.equal(first[5], Batches(recordings, 100, 8, seed=2)[5])


def test_every_recording_once_before_one_comes_again():
    batches = Batches(Counting(*[500] * 20), 100, 5, seed=0)
    epoch = [clip for step in range(4) for clip in clips_of(batches[step])]
    following = [clip for step in range(4, 8) for clip in clips_of(batches[step])]
    assert sorted(epoch) == sorted(following) == list(range(20))
    assert epoch != following


def test_crops_reach_both_ends():
    batches = Batches(Counting(110), 100, 400, seed=0, segment_s=1000)
    assert set(batches[0][:, 0].int().tolist()) == set(range(11))


def test_long_recording_counts_once_a_segment():
    recordings = Counting(SAMPLE_RATE_HZ, 25 * SAMPLE_RATE_HZ)
    batches = Batches(recordings, 100, 4, seed=0, segment_s=10)
    assert sorted(clips_of(batches[0])) == [0, 1, 1, 1]


def test_parts_of_all_processes_make_the_batch():
    recordings = Counting(*[500] * 20)
    whole = Batches(recordings, 100, 8, seed=1)[2]
    shares = [Batches(recordings, 100, 8, seed=1, rank=r, processes=2)[2] for r in (0, 1)]
    assert torch.equal(whole, torch.cat(shares))


def test_loader_keeps_the_order():
    batches = Batches(Counting(*[500] * 20), 100, 4, seed=0)
    loaded = list(batches.loader(3, 6, workers=0))
    assert all(torch.equal(batches[3 + k], batch) for k, batch in enumerate(loaded))


def test_validation_uses_the_middle_crops():
    batches = list(sequential(Counting(100, 300, 500), 100, batch_size=2))
    assert [len(batch) for batch in batches] == [2, 1]
    assert [int(row[0]) % 1_000_000 for batch in batches for row in batch] == [0, 100, 200]


def test_seeds_of_neighbors_differ():
    assert len({seed_of(0, step, part) for step in range(100) for part in range(4)}) == 400


CLASSES = {"label": ("cat", "dog")}


def labeled(*labels: str) -> Counting:
    recordings = Counting(*[500] * len(labels))
    recordings.clips = [Clip(Path("a.wav"), columns={"label": label}) for label in labels]
    return recordings


def test_columns_follow_their_clips():
    """A number in the class list; -1 for an empty cell and for a class that is not listed."""
    recordings = labeled("dog", "", "cat", "cow", " dog ")
    numbers = [1, -1, 0, -1, 1]
    batches = Batches(recordings, 100, 5, seed=1, class_lists=CLASSES)
    for step in range(3):
        batch = batches[step]
        clips = clips_of(batch[WAVEFORMS])
        assert batch["label"].dtype == torch.int64
        assert batch["label"].tolist() == [numbers[clip] for clip in clips]
        assert torch.equal(batch[WAVEFORMS], Batches(recordings, 100, 5, seed=1)[step])


def test_processes_share_columns_too():
    recordings = labeled(*["cat", "dog"] * 8)
    whole = Batches(recordings, 100, 8, seed=1, class_lists=CLASSES)[2]
    shares = [Batches(recordings, 100, 8, 1, 10.0, r, 2, CLASSES)[2] for r in (0, 1)]
    for name in (WAVEFORMS, "label"):
        assert torch.equal(torch.cat([share[name] for share in shares]), whole[name])


def test_middle_crops_have_columns():
    recordings = labeled("dog", "", "cat")
    first, second = middle_crops(recordings, 100, 2, CLASSES)
    assert first["label"].tolist() == [1, -1] and second["label"].tolist() == [0]
    assert clips_of(second[WAVEFORMS]) == [2]
    assert all(isinstance(crops, torch.Tensor) for crops in middle_crops(recordings, 100, 2, {}))


def test_missing_column_is_named():
    with pytest.raises(UserError, match="no column 'word'; the columns are: label"):
        Batches(labeled("cat"), 100, 1, seed=0, class_lists={"word": ("bed",)})
