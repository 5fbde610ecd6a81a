"""Rows of arrays that are computed once, in blocks on disk, and then read in any order.

A block appears whole or not at all, so that an interrupted computation goes on where it was. A
block that is absent or cut short is computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.progress import ProgressBar

BLOCK_ROWS = 1024

Array = npt.NDArray[Any]
Compute = Callable[[range], dict[str, Array]]


class StoredRows:
    """Arrays `[rows, ...]` by name, memory-mapped."""

    def __init__(self, blocks: list[dict[str, Array]]) -> None:
        self._blocks = blocks
        self._rows = sum(len(next(iter(block.values()))) for block in blocks)

    def __len__(self) -> int:
        return self._rows

    def beside(self, name: str, other: StoredRows) -> StoredRows:
        """Return the same rows with the one array of `other` beside their own, as `name`."""
        pairs = zip(self._blocks, other._blocks, strict=True)
        return StoredRows([{**own, name: next(iter(more.values()))} for own, more in pairs])

    def read(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> dict[str, Tensor]:
        """Return these rows of every array, in this order, as float32."""
        chosen = np.asarray(rows, np.int64)
        blocks, places = np.divmod(chosen, BLOCK_ROWS)
        found = {
            name: np.empty((len(chosen), *array.shape[1:]), np.float32)
            for name, array in self._blocks[0].items()
        }
        for number in np.unique(blocks):
            here = blocks == number
            for name, array in self._blocks[number].items():
                found[name][here] = array[places[here]]
        return {name: torch.from_numpy(array) for name, array in found.items()}


def computed_rows(
    folder: Path, names: Sequence[str], rows: int, compute: Compute, title: str, progress: bool
) -> StoredRows:
    """Compute the blocks that `folder` lacks, and open all of them.

    Args:
        folder: of these rows alone; its name should depend on everything that they depend on.
        names: of the arrays that `compute` returns.
        rows: how many there are.
        compute: returns the arrays of a range of rows; they are stored as they come.
        title: of the progress bar on stderr, drawn if `progress`.

    Raises `UserError`: the disk is full, or the folder can't be written.
    """
    blocks = []
    with ProgressBar(title, rows, show=progress) as bar:
        for number, first in enumerate(range(0, rows, BLOCK_ROWS)):
            wanted = range(first, min(first + BLOCK_ROWS, rows))
            block = _opened(folder, number, names, len(wanted))
            if block is None:
                _write(folder, number, compute(wanted))
                block = _opened(folder, number, names, len(wanted))
                assert block is not None
            blocks.append(block)
            bar.advance(len(wanted))
    return StoredRows(blocks)


def _file(folder: Path, number: int, name: str) -> Path:
    return folder / f"{number:06d}.{name}.npy"


def _write(folder: Path, number: int, arrays: dict[str, Array]) -> None:
    for name, array in arrays.items():
        with atomic_file(_file(folder, number, name)) as work:
            np.save(work, array)


def _opened(folder: Path, number: int, names: Sequence[str], rows: int) -> dict[str, Array] | None:
    """Map a block into memory, or return None if it is not there or not whole."""
    try:
        block = {name: np.load(_file(folder, number, name), mmap_mode="r") for name in names}
    except (OSError, ValueError):
        return None
    return block if all(len(array) == rows for array in block.values()) else None
