"""Random integers that a counter gives: any device draws the same, in any language.

An integer is a hash of the numbers that name it: nothing is drawn in order, and nothing is kept.
The hash is the finalizer of SplitMix64 (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195) for
one number after another. `android_demo/federated` has the same in Kotlin (CounterRandom.kt), and a
test compares the two.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl.data.batches import Batches
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.shards import Ints

ORDER, CROP, TASK = range(3)  # purposes: different draws of one step
_GAMMA, _MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def hash_of(*numbers: int) -> int:
    """Return 64 bits for several numbers of up to 64 bits; their order matters."""
    found = 0
    for number in numbers:
        found = ((found + _GAMMA) & _MASK) ^ (number & _MASK)
        found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & _MASK
        found ^= found >> 31
    return found


def integer(largest: int, *numbers: int) -> int:
    """Return an integer in 0..largest, which is below 2^31, for several numbers."""
    return ((hash_of(*numbers) >> 32) * (largest + 1)) >> 32


class CounterGenerator(torch.Generator):
    """The draws of a task in one step, for `pretext.parts.sampling.integers`, which knows it.

    Other functions that take a generator must not be given it: they would draw by a fixed seed.
    """

    def __new__(cls, *key: int) -> CounterGenerator:
        """Make a generator on the CPU: PyTorch's own takes a device here."""
        return super().__new__(cls)

    def __init__(self, *key: int) -> None:
        super().__init__()
        self.key, self.count = key, 0

    def integers(self, low: int, high: int, count: int) -> Tensor:
        """Draw the next `count` integers in low..high, both ends included."""
        first, self.count = self.count, self.count + count
        drawn = [integer(high - low, *self.key, i) for i in range(first, self.count)]
        return low + torch.tensor(drawn)


class CounterBatches(Batches):
    """Crops of a step as `Batches`, chosen by counters that begin with the numbers of `key`."""

    def __init__(
        self, recordings: Recordings, crop_samples: int, batch_size: int, key: tuple[int, ...]
    ) -> None:
        super().__init__(recordings, crop_samples, batch_size, seed=0)
        self.key = key

    def shuffled(self, epoch: int) -> Ints:
        """Return the entries in an epoch's order: a Fisher-Yates shuffle from the end."""
        entries = self.entries.copy()
        for last in range(len(entries) - 1, 0, -1):
            other = integer(last, *self.key, ORDER, epoch, last)
            entries[[last, other]] = entries[[other, last]]
        return entries

    def starts(self, step: int, room: Ints) -> Ints:
        """Return the first sample of each row's crop, in 0..room: [B]."""
        drawn = [integer(int(r), *self.key, CROP, step, i) for i, r in enumerate(room)]
        return np.array(drawn, np.int64)
