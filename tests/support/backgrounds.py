"""Small backgrounds that sounds are compared with."""

from __future__ import annotations

import numpy as np

from tiny_audio_ssl.embedding.comparison import Background, unit


def synthetic_background(dim: int, directions: int, sounds: int, seed: int = 0) -> Background:
    """Return a background of random orthogonal directions and random sounds."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    removed = 0.8 * basis[:directions]
    others = rng.normal(size=(sounds, dim))
    rows = np.concatenate([removed, unit(others - (others @ removed.T) @ removed)])
    scales = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
    steps = np.round(rows / scales[:, None]).astype(np.int8)
    return Background(rows=steps, scales=scales, directions=directions, scale=0.7, nearest=3)
