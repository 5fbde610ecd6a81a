"""What all forms are fed: noise at a tenth of full scale, the same for every one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.bench.subjects import Subject

LEVEL = 0.1
Floats = NDArray[np.float32]


def noise(subject: Subject) -> Floats:
    """For the first input, in its shape."""
    drawn = np.random.default_rng(0).uniform(-LEVEL, LEVEL, subject.shapes[0])
    return drawn.astype(np.float32)


def inputs(subject: Subject) -> list[Floats]:
    """For all inputs: a stream begins with a state of zeros."""
    return [noise(subject), *(np.zeros(shape, np.float32) for shape in subject.shapes[1:])]


def write(subject: Subject, target: Path) -> Path:
    """As the C++ runner reads it: raw, little-endian."""
    noise(subject).astype("<f4").tofile(target)
    return target
