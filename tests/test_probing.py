from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.corpus import Clip
from tiny_audio_ssl.probing import labelled, linear_probe, splits


class Table:
    """Recordings with columns only: what splitting looks at."""

    def __init__(self, **columns: list[str]) -> None:
        rows = zip(*columns.values(), strict=True)
        self.clips = [
            Clip(Path(str(i)), columns=dict(zip(columns, r, strict=True)))
            for i, r in enumerate(rows)
        ]

    def __len__(self) -> int:
        return len(self.clips)

    def select(self, indices):
        chosen = Table()
        chosen.clips = [self.clips[i] for i in indices]
        return chosen


def test_a_signal_is_found_and_noise_is_not():
    rng = np.random.default_rng(0)
    labels = [str(i % 4) for i in range(200)]
    folds = splits(Table(label=labels), "label")
    noise = rng.standard_normal((200, 8)).astype(np.float32)
    assert linear_probe("noise", noise, labels, folds).accuracy < 0.45
    signal = noise + 4 * np.eye(8, dtype=np.float32)[[int(label) for label in labels]]
    result = linear_probe("signal", signal, labels, folds)
    assert result.accuracy > 0.95 and len(result.folds) == 5 and result.classes == 4


def test_groups_never_cross_a_split():
    speakers = [str(i // 4) for i in range(80)]
    labels = [str(i % 2) for i in range(80)]
    for train, test in splits(Table(label=labels, speaker=speakers), "label", group="speaker"):
        assert not {speakers[i] for i in train} & {speakers[i] for i in test}


def test_official_folds_are_each_tested_once():
    folds = [str(1 + i % 3) for i in range(30)]
    labels = [str(i % 2) for i in range(30)]
    found = splits(Table(label=labels, fold=folds), "label", fold="fold")
    assert [{folds[i] for i in test} for _, test in found] == [{"1"}, {"2"}, {"3"}]


def test_rows_are_chosen():
    table = Table(label=["a", "b", "", "a"], kind=["x", "x", "x", "y"])
    assert len(labelled(table, "label")) == 3
    assert len(labelled(table, "label", ["kind=x"])) == 2


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({"label": ["a", "a"]}, {}, "two labels"),
        ({"label": ["a"] * 9 + ["b"]}, {}, "'b' has 1 clips"),
        ({"label": ["a", "b"] * 5, "g": ["1", "2"] * 5}, {"group": "g"}, "2 groups for 5 folds"),
        ({"label": ["a", "b"] * 5, "f": ["1", "2"] * 5}, {"fold": "f"}, "in no other fold"),
        ({"label": ["a", "b"] * 5, "f": ["1"] * 10}, {"fold": "f"}, "one fold only"),
        ({"label": ["a", "b"] * 5}, {"fold": "fold"}, "no column 'fold'; the columns are: label"),
    ],
)
def test_what_can_not_be_probed_is_told(columns, options, said):
    with pytest.raises(UserError, match=said):
        splits(labelled(Table(**columns), "label"), "label", **options)


def test_a_condition_that_is_none_is_told():
    with pytest.raises(UserError, match="COLUMN=VALUE"):
        labelled(Table(label=["a", "b"]), "label", ["kind"])


def test_embeddings_that_are_not_numbers_are_told():
    labels = ["a", "b"] * 10
    folds = splits(Table(label=labels), "label")
    with pytest.raises(UserError, match="NaN"):
        linear_probe("broken", np.full((20, 2), np.nan, np.float32), labels, folds)
