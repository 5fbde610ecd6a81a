"""Rows of arrays that are computed once, in blocks on disk, and then read in any order.

Blocks are written atomically, so that an interrupted computation can continue. A block that is
missing or truncated is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
Blocks = list[Array]
Compute = Callable[[range], Array]


class StoredRows:
    """Arrays `[rows, ...]` by name, each in blocks that are memory-mapped."""

    def __init__(self, arrays: Mapping[str, Blocks]) -> None:
        self._arrays = arrays
        self._rows = sum(map(len, next(iter(arrays.values()))))

    def __len__(self) -> int:
        return self._rows

    def read(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> dict[str, Tensor]:
        """Return these rows of every array, in this order, as float32."""
        numbers, places = np.divmod(np.asarray(rows, np.int64), BLOCK_ROWS)
        return {
            name: torch.from_numpy(_picked(blocks, numbers, places))
            for name, blocks in self._arrays.items()
        }


def _picked(blocks: Blocks, numbers: Array, places: Array) -> Array:
    found = np.empty((len(numbers), *blocks[0].shape[1:]), np.float32)
    for number in np.unique(numbers):
        here = numbers == number
        found[here] = blocks[number][places[here]]
    return found


def computed_blocks(
    folder: Path, name: str, rows: int, compute: Compute, title: str, progress: bool
) -> Blocks:
    """Compute the blocks of an array that `folder` lacks, and open all of them.

    Args:
        folder: of this array alone; its name should depend on everything that the array depends on.
        name: of the array.
        rows: how many there are.
        compute: returns a range of rows; they are stored as they come.
        title: of the progress bar on stderr, drawn if `progress`.

    Raises `UserError`: the disk is full, or the folder can't be written.
    """
    blocks = []
    with ProgressBar(title, rows, show=progress) as bar:
        for number, first in enumerate(range(0, rows, BLOCK_ROWS)):
            wanted = range(first, min(first + BLOCK_ROWS, rows))
            file = folder / f"{number:06d}.{name}.npy"
            block = _opened(file, len(wanted))
            if block is None:
                with atomic_file(file) as work:
                    np.save(work, compute(wanted))
                block = _opened(file, len(wanted))
                assert block is not None
            blocks.append(block)
            bar.advance(len(wanted))
    return blocks


def _opened(file: Path, rows: int) -> Array | None:
    """Map a block into memory, or return None if it is missing or incomplete."""
    try:
        block: Array = np.load(file, mmap_mode="r")
    except (OSError, ValueError):
        return None
    return block if len(block) == rows else None
