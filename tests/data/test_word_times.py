"""Words of recordings, from a manifest column, in the crops of a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.data.batches import WAVEFORMS, Batches, middle_crops
from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.data.word_times import read_word_times

WORDS = ("0-0.01 0.01-0.02 0.05-0.06", "", "0.03-0.08")


class Spoken:
    """Recordings whose samples are their own places, with a column of words."""

    def __init__(self, *cells: str, samples: int = 1600) -> None:
        self.clips = [Clip(Path("a.wav"), columns={"words": cell}, name="a.wav") for cell in cells]
        self.samples = np.full(len(cells), samples)

    def __len__(self) -> int:
        return len(self.clips)

    def read(self, index: int, start: int, samples: int) -> np.ndarray:
        return np.arange(start, start + samples, dtype=np.float32)


def test_times_become_samples():
    found = read_word_times(Spoken(*WORDS), "words").samples
    assert found.tolist() == [
        [[0, 160], [160, 320], [800, 960]],
        [[-1, -1]] * 3,
        [[480, 1280], [-1, -1], [-1, -1]],
    ]


def test_only_words_that_lie_within_the_crop_are_given():
    times = read_word_times(Spoken(*WORDS), "words")
    found = times.inside(np.array([0, 0, 1, 2]), np.array([160, 161, 0, 480]), 800)
    assert found[0].tolist() == [[0, 160], [640, 800], [-1, -1]]
    assert found[1].tolist() == [[639, 799], [-1, -1], [-1, -1]]
    assert (found[2] == -1).all()
    assert found[3, 0].tolist() == [0, 800]


def test_batches_give_each_crop_its_words():
    batches = Batches(Spoken(*WORDS), 800, 6, seed=1, word_columns=("words",))
    batch = batches[3]
    starts, own = batch[WAVEFORMS][:, 0].long(), batch["words"]
    assert own.shape == (6, 3, 2) and len(set(starts.tolist())) > 3
    clips = batches.chosen(3)
    for clip, start, words in zip(clips, starts.tolist(), own.tolist(), strict=True):
        expected = []
        for pair in WORDS[clip].split():
            first, end = (round(16_000 * float(time)) - start for time in pair.split("-"))
            if first >= 0 and end <= 800:
                expected.append([first, end])
        assert words == expected + [[-1, -1]] * (3 - len(expected))


def test_validation_has_the_words_of_the_middle_crop():
    (batch,) = middle_crops(Spoken(*WORDS), 800, 3, {}, ("words",))
    assert batch["words"][0].tolist() == [[400, 560], [-1, -1], [-1, -1]]


@pytest.mark.parametrize("cell", ["0.1", "0.1-", "0.2-0.1", "0.1-0.3 0.2-0.4", "a-b", "0-inf"])
def test_cell_that_holds_no_times_is_refused(cell):
    with pytest.raises(UserError, match=r"a\.wav: words is .*expected onset and offset"):
        read_word_times(Spoken("", cell), "words")
