"""Models to probe: runs, encoders with random weights, log-mel statistics, HEAR modules."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import torch

from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel, Floats
from tiny_audio_ssl.embedding.long import embed_in_parts
from tiny_audio_ssl.embedding.mel_statistics import MelStatistics
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.models.frontend_config import FrontendConfig

__all__ = ["EmbeddingModel", "LogMelStatistics", "open_model", "random_weights"]


def open_model(spec: str | Path, weights: str | Path | None = None) -> EmbeddingModel:
    """Open the model that a word on the command line names.

    Args:
        spec: a run or checkpoint folder, or the name of a model; `random:RUN`, the same encoder
            and front-end statistics with random weights; `logmel`, or `logmel:all` with all that a
            readout has; or `hear:package.module`, any module with the HEAR API. For artifacts see
            `export.artifact_model`.
        weights: of a `hear:` module.

    Raises `UserError`: no such run or module, weights for a model that takes none.
    """
    kind, colon, rest = str(spec).partition(":")
    if kind == "hear" and colon:
        from tiny_audio_ssl.embedding.hear_model import HearModel

        return HearModel(rest, weights)
    if weights is not None:
        raise UserError(f"{spec}: --weights are for hear:package.module only; leave them out")
    if str(spec) in ("logmel", "logmel:all"):
        return LogMelStatistics(every=bool(colon))
    if kind == "random" and colon:
        return random_weights(embedding.load(rest))
    return embedding.load(spec)


def random_weights(embedder: Embedder, seed: int = 0) -> Embedder:
    """Return an encoder with the same settings and front-end statistics, but random weights."""
    model = embedder.model
    made = untrained(model.frontend.config, model.encoder.config, seed)
    made.frontend.load_statistics(model.frontend)
    return Embedder(made, name="random weights")


class LogMelStatistics:
    """`MelStatistics` as a model to probe."""

    def __init__(self, config: FrontendConfig | None = None, every: bool = False) -> None:
        self.model = MelStatistics(config, every)
        self.name = "log-mel statistics, all four" if every else "log-mel statistics"
        self.dim = self.model.scene_embedding_size
        settings = json.dumps([self.dim, asdict(self.model.frontend.config)], sort_keys=True)
        self.identity = "logmel-" + hashlib.sha256(settings.encode()).hexdigest()

    @torch.no_grad()
    def embed(self, waves: Floats) -> Floats:
        """Embed float32 [B, N], -1..1, 16 kHz, as [B, dim]; short waves are padded with zeros."""
        checked = as_waveform(waves, "[batch, samples]")
        found: Floats = embed_in_parts(self.model, torch.from_numpy(checked)).numpy()
        return found
