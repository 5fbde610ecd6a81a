"""What a protocol measured: every prediction, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """One fit of a protocol: on which fold, with which seed, and what it said of the test part."""

    fold: int
    seed: int
    test: Ints  # indices of the tested recordings
    predicted: Ints  # indices into `Score.classes`, one for each of `test`

    def accuracy(self, truth: Ints) -> float:
        return float(np.mean(truth[self.test] == self.predicted))


@dataclass(frozen=True)
class Score:
    """A model on a task by a protocol."""

    task: str
    model: str
    protocol: str  # a name in PROTOCOLS: linear, knn, few-shot-5, fine-tuning ...
    classes: list[str]
    truth: Ints  # [recordings] index of each one's class
    trials: list[Trial]
    details: dict[str, float | str] = field(default_factory=dict)  # chosen C, multiply-adds ...
