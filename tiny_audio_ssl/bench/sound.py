"""Input of all subjects: noise at a tenth of full scale, the same for each shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.bench.subjects import Subject

LEVEL = 0.1
Floats = NDArray[np.float32]


def noise(subject: Subject) -> Floats:
    """Return noise in the shape of the first input, -0.1..0.1."""
    drawn = np.random.default_rng(0).uniform(-LEVEL, LEVEL, subject.shapes[0])
    return drawn.astype(np.float32)


def inputs(subject: Subject) -> list[Floats]:
    """Return all inputs: noise, and zeros for the state of a stream."""
    return [noise(subject), *(np.zeros(shape, np.float32) for shape in subject.shapes[1:])]


def write(subject: Subject, target: Path) -> Path:
    """Write the noise as the C++ runner reads it: raw, little-endian."""
    noise(subject).astype("<f4").tofile(target)
    return target
