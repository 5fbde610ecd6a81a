"""Distances between sequences of frames, by dynamic time warping, for many pairs at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.embedding.frames import Floats
from tiny_audio_ssl.evaluation.speech.features import Ints, PhoneFeatures

Doubles = NDArray[np.float64]
MOST_NUMBERS = 8_000_000  # of frames, or of angles between them, that are in memory


def warped_distances(features: PhoneFeatures, pairs: Ints) -> Doubles:
    """Return the distance of each pair [pairs, 2] of phones, whose frames have length one.

    It is the mean along the cheapest path of the angles between frames, over pi: 0 to 1.
    """
    found = np.empty(len(pairs))
    for chosen in _batches(features, pairs):
        first, second = pairs[chosen].T
        lengths = features.lengths[first], features.lengths[second]
        cosines = _padded(features, first) @ _padded(features, second).transpose(0, 2, 1)
        angles = np.arccos(cosines.clip(-1, 1)) / np.float32(np.pi)
        found[chosen] = along_path(angles, *lengths)
    return found


def along_path(cost: Floats, rows: Ints, columns: Ints) -> Doubles:
    """Return the mean cost along the cheapest path of each pair, [pairs].

    Args:
        cost: [pairs, R, C]; a pair uses its first `rows` and `columns`.

    A path goes from the first to the last frames by steps of one in either or both. Of equal steps
    back, the diagonal is taken, then that along the columns, as in `torchdtw`.
    """
    costs = np.ascontiguousarray(cost.transpose(1, 2, 0), np.float64)  # [R, C, pairs]
    total, steps = np.zeros_like(costs), np.ones_like(costs)
    for i in range(costs.shape[0]):
        for j in range(costs.shape[1]):
            before, taken = _cheapest(total, steps, i, j)
            total[i, j] = costs[i, j] + before
            steps[i, j] = 1 + taken
    pair = np.arange(len(cost))
    mean: Doubles = total[rows - 1, columns - 1, pair] / steps[rows - 1, columns - 1, pair]
    return mean


def _cheapest(total: Doubles, steps: Doubles, i: int, j: int) -> tuple[Doubles, Doubles]:
    """Return the cost of the cheapest path to the place before (i, j), and its steps."""
    if i == 0 and j == 0:
        nothing = np.zeros(total.shape[2])
        return nothing, nothing
    if i == 0:
        return total[0, j - 1], steps[0, j - 1]
    if j == 0:
        return total[i - 1, 0], steps[i - 1, 0]
    up, left, diagonal = total[i - 1, j], total[i, j - 1], total[i - 1, j - 1]
    straight = np.where(left <= up, steps[i, j - 1], steps[i - 1, j])
    is_diagonal = (diagonal <= left) & (diagonal <= up)
    taken = np.where(is_diagonal, steps[i - 1, j - 1], straight)
    return np.minimum(np.minimum(up, left), diagonal), taken


def _batches(features: PhoneFeatures, pairs: Ints) -> Iterator[Ints]:
    """Yield indices of pairs of about equal lengths, as many as fit into memory."""
    lengths = features.lengths[pairs]
    order = np.lexsort((lengths[:, 1], lengths[:, 0]))
    dim = features.frames.shape[1]
    first = 0
    while first < len(order):
        count = 1
        rows, columns = lengths[order[first]].tolist()
        while first + count < len(order):
            longer = lengths[order[first + count]].tolist()
            rows, columns = max(rows, longer[0]), max(columns, longer[1])
            if (count + 1) * max(rows * columns, (rows + columns) * dim) > MOST_NUMBERS:
                break
            count += 1
        yield order[first : first + count]
        first += count


def _padded(features: PhoneFeatures, phones: Ints) -> Floats:
    """Return the frames of each phone, [phones, T, D]; shorter ones repeat their last."""
    lengths = features.lengths[phones]
    frames = np.minimum(np.arange(lengths.max()), lengths[:, None] - 1)
    padded: Floats = features.frames[features.starts[phones][:, None] + frames]
    return padded
