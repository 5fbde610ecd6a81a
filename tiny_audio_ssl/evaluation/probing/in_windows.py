"""Probe models that take one window at a time, such as exported artifacts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.embedding.embedder import Floats
from tiny_audio_ssl.embedding.long import embed_in_parts


class InWindows:
    """A model that takes one window at a time.

    The embedding of a longer sound is the mean over windows, the last of which ends with the sound
    (of a sound longer than a minute, the mean over equal parts of it). A shorter sound is padded
    with zeros. It therefore differs from the embedding of the whole sound, unless that is one
    window long.
    """

    def __init__(
        self, run: Callable[[Floats], Floats], samples: int, dim: int, name: str, identity: str
    ) -> None:
        """`run` maps float32 [1, samples] to [1, dim]; `identity` hashes all that it depends on."""
        self.run, self.samples = run, samples
        self.dim, self.name, self.identity = dim, name, identity

    def embed(self, waves: Floats) -> Floats:
        """Embed float32 [B, N], -1..1, 16 kHz, as float32 [B, dim].

        Raises `UserError` for NaN, another scale or another shape.
        """
        return embed_in_parts(self._embed, as_waveform(waves, "[batch, samples]"))

    def _embed(self, waves: Floats) -> Floats:
        missing = max(0, self.samples - waves.shape[1])
        waves = np.pad(waves, ((0, 0), (0, missing)))
        last = waves.shape[1] - self.samples
        starts = [*range(0, last, self.samples), last]
        return np.stack([self._mean(wave, starts) for wave in waves])

    def _mean(self, wave: Floats, starts: list[int]) -> Floats:
        windows = (wave[None, start : start + self.samples] for start in starts)
        rows = [self.run(np.ascontiguousarray(window))[0] for window in windows]
        found: Floats = np.mean(rows, axis=0, dtype=np.float32)
        return found
