"""A model for probes that needs no encoder."""

from __future__ import annotations

import numpy as np


class Levels:
    """Tell three loudnesses apart, and count the waveforms that were embedded."""

    name, dim, identity = "levels", 3, "levels"

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, waves):
        self.embedded += len(waves)
        loudness = np.abs(waves).mean(axis=1, keepdims=True)
        return np.exp(-(((loudness - [0.04, 0.08, 0.12]) / 0.02) ** 2)).astype(np.float32)
