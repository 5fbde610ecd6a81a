"""The background of an export, which sounds taught by examples are compared with."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from tiny_audio_ssl.embedding.comparison import Background, fitted
from tiny_audio_ssl.embedding.embedder import Embedder, comparison_of
from tiny_audio_ssl.errors import UserError
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
    of_recording = defaultdict(list)
    for window in windows:
        of_recording[window.path].append(window.waveform)
    model, size = Embedder(loaded.model), loaded.model.encoder.learned_dim
    vectors = (model.embed(np.stack(waves))[:, :size] for waves in of_recording.values())
    try:
        return fitted(vectors, config.seed), []
    except UserError as error:  # too few recordings
        return None, [f"no background: {error}; taught sounds are compared by cosine distance"]
