"""Rows that are computed once: read in any order, continued after an interruption."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.data import stored_rows
from tiny_audio_ssl.data.batches import RowBatches, sequential_rows
from tiny_audio_ssl.data.stored_rows import StoredRows, computed_blocks

ROWS = 10


@pytest.fixture(autouse=True)
def blocks_of_four(monkeypatch):
    monkeypatch.setattr(stored_rows, "BLOCK_ROWS", 4)


class Squares:
    """Computes squares, and counts what it was asked for."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[range] = []
        self.fails_at = fails_at

    def __call__(self, rows: range) -> np.ndarray:
        self.asked.append(rows)
        if self.fails_at in rows:
            raise KeyboardInterrupt
        return np.array(rows, np.float16) ** 2


def pairs(rows: range) -> np.ndarray:
    numbers = np.array(rows, np.float16)
    return np.stack([numbers, -numbers], axis=1)


def made(folder, compute) -> stored_rows.StoredRows:
    def blocks(name, compute):
        return computed_blocks(folder, name, ROWS, compute, "squares", progress=False)

    return StoredRows({"square": blocks("square", compute), "pair": blocks("pair", pairs)})


def test_rows_are_read_in_the_order_asked_for(tmp_path):
    rows = made(tmp_path, Squares())
    assert len(rows) == ROWS
    found = rows.read([9, 0, 5, 5])
    assert found["square"].dtype == torch.float32
    assert found["square"].tolist() == [81, 0, 25, 25]
    assert found["pair"].tolist() == [[9, -9], [0, 0], [5, -5], [5, -5]]


def test_interrupted_computation_is_continued(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, Squares(fails_at=6))
    rest = Squares()
    assert made(tmp_path, rest).read(range(ROWS))["square"].tolist() == [n * n for n in range(ROWS)]
    assert rest.asked == [range(4, 8), range(8, 10)]


@pytest.mark.parametrize("damage", [lambda f: f.unlink(), lambda f: f.write_bytes(b"\x93NUMPY")])
def test_block_that_is_not_whole_is_computed_anew(tmp_path, damage):
    made(tmp_path, Squares())
    damage(sorted(tmp_path.glob("*.square.npy"))[0])
    again = Squares()
    assert made(tmp_path, again).read([3])["square"].tolist() == [9]
    assert again.asked == [range(4)]


def test_block_cut_short_is_computed_anew(tmp_path):
    made(tmp_path, Squares())
    block = sorted(tmp_path.glob("*.square.npy"))[-1]
    block.write_bytes(block.read_bytes()[:-1])
    again = Squares()
    made(tmp_path, again)
    assert again.asked == [range(8, 10)]


def test_folder_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        made(tmp_path / "file", Squares())


def test_epoch_takes_every_row_once(tmp_path):
    batches = RowBatches(made(tmp_path, Squares()), 5, seed=0)
    epoch = [n for step in (0, 1) for n in batches[step]["square"].sqrt().tolist()]
    assert sorted(epoch) == list(range(ROWS)) and epoch != sorted(epoch)


def test_rows_in_order_in_batches(tmp_path):
    sizes = [batch["square"].tolist() for batch in sequential_rows(made(tmp_path, Squares()), 6)]
    assert sizes == [[0, 1, 4, 9, 16, 25], [36, 49, 64, 81]]
