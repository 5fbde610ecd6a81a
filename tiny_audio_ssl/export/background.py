"""The background of an export, which sounds taught by examples are compared with."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from tiny_audio_ssl.embedding.comparison import SOUNDS, Background, fitted
from tiny_audio_ssl.embedding.embedder import Embedder, comparison_of
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.export.recordings import recordings_of
from tiny_audio_ssl.export.windows import draw
from tiny_audio_ssl.models.checkpoint import Checkpoint

RECORDINGS, WINDOWS = 500, 4  # of each recording, if it is long enough


def background_of(
    run: Path, loaded: Checkpoint, config: ExportConfig, samples: int
) -> tuple[Background | None, list[str]]:
    """Return the background of a shipped model, or one that is learned from the run's recordings.

    None if it is neither shipped nor wanted, or if there are too few recordings, which the second
    value tells the user.

    Args:
        samples: length of a window.
    """
    own = comparison_of(loaded)
    if isinstance(own, Background) and config.of_embedding:
        return own, []
    if not config.background:
        return None, []
    train, _ = recordings_of(run, config.calibration)
    rng = np.random.default_rng(config.seed)
    chosen = [train[index] for index in rng.permutation(len(train))[:RECORDINGS]]
    windows = draw(chosen, samples, WINDOWS * len(chosen), rng)
    if not windows:
        return None, [too_few(0)]
    model, of_recording = Embedder(loaded.model), defaultdict(list)
    embedded = model.embed(np.stack([window.waveform for window in windows]))
    learned = embedded[:, : loaded.model.encoder.learned_dim].astype(np.float64)
    for window, vector in zip(windows, learned, strict=True):
        of_recording[window.path].append(vector)
    recordings = [np.stack(vectors) for vectors in of_recording.values()]
    if len(recordings) < SOUNDS or all(len(one) < 2 for one in recordings):
        return None, [too_few(len(recordings))]
    return fitted(recordings, config.seed), []


def too_few(recordings: int) -> str:
    """Return the note for the user that a background was not learned."""
    return (
        f"no background: {recordings} recordings have a window, and {SOUNDS} are needed, some of "
        "them longer than a window; taught sounds are compared by the cosine distance"
    )
