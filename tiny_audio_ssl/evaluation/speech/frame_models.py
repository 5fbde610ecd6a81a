"""Models with frame features, opened by name: runs, random weights, log-mel, MFCC, HEAR modules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.embedding.embedder import Embedder
from tiny_audio_ssl.embedding.frames import (
    Floats,
    FrameModel,
    Frames,
    at_nearest,
    centers_ms,
    embed_windows,
    hop_samples,
    window_samples,
)
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.evaluation.probing.models import random_weights
from tiny_audio_ssl.evaluation.probing.probe import baselines_of, check_names, weights_of
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.parts.acoustic_targets import Mfcc
from tiny_audio_ssl.pretext.parts.units import UNITS
from tiny_audio_ssl.pretext.product import Product
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.training.run_task import trained_product


class UnitIds:
    """The unit ids that the task of a run assigns to slices: frames with one number per
    codebook."""

    def __init__(self, product: Product, embedder: Embedder) -> None:
        self.product, self.model = product, embedder.model
        self.name, self.identity = f"{embedder.name}, units", f"units-{embedder.identity}"

    @torch.no_grad()
    def frames(self, waves: Floats, hop_ms: float) -> Frames:
        """[B, N] -> ids [B, T, codebooks], centers in ms [T]."""
        audio = torch.from_numpy(as_waveform(waves, "[batch, samples]"))
        hop, window = hop_samples(hop_ms), window_samples(self.model)
        found: Floats = embed_windows(self._ids, audio, window, hop).numpy()
        return found, centers_ms(audio.shape[1], hop)

    def _ids(self, audio: Tensor) -> Tensor:
        ids: Tensor = self.product.module(self.model.frontend(audio))  # [B, 1, codebooks]
        return ids[:, 0].float()


def own_units(run: str | Path, embedder: Embedder) -> UnitIds | None:
    """Return the units of the run's task; None for tasks without units, and for models without
    heads."""
    loaded = checkpoint.load(run)
    task = str(loaded.run.get("task"))
    if loaded.facts is not None or task not in TASKS:
        return None
    if pretext_class(task).product is Pretext.product:
        return None
    product = trained_product(loaded)
    return UnitIds(product, embedder) if product and product.name == UNITS else None


class EncoderFrames:
    """The frames of an encoder, in windows of `window_ms`, or of its slices if None."""

    def __init__(
        self,
        embedder: Embedder,
        window_ms: float | None = None,
        units: UnitIds | None = None,
    ) -> None:
        """`units` are those of the run's own task."""
        self.embedder, self.window_ms, self.units = embedder, window_ms, units
        self.name = embedder.name
        self.identity = f"{embedder.identity}-{window_ms}"

    def frames(self, waves: Floats, hop_ms: float) -> Frames:
        """[B, N] -> features [B, T, D], centers in ms [T]; see `Embedder.frames`."""
        return self.embedder.frames(waves, hop_ms, self.window_ms)


class SpectralFrames:
    """Features that a transform [B, N] -> [B, D, frames] computes at the front-end's own hop.

    Frames at another hop are the nearest of them.
    """

    def __init__(self, name: str, transform: Callable[[Tensor], Tensor], config: FrontendConfig):
        self.name, self.transform, self.config = name, transform, config
        about = json.dumps([name, asdict(config)], sort_keys=True)
        self.identity = hashlib.sha256(about.encode()).hexdigest()

    @torch.no_grad()
    def frames(self, waves: Floats, hop_ms: float) -> Frames:
        """[B, N] -> features [B, T, D], centers in ms [T]."""
        audio = torch.from_numpy(as_waveform(waves, "[batch, samples]"))
        half = self.config.window // 2  # so that the first window is centered at the first sample
        after = self.config.window - half + self.config.hop
        found = self.transform(nn.functional.pad(audio, (half, after))).transpose(1, 2).numpy()
        centers = centers_ms(audio.shape[1], hop_samples(hop_ms))
        own = np.arange(found.shape[1]) * self.config.hop * 1000 / self.config.sample_rate_hz
        return at_nearest(found, own, centers), centers


def log_mel_frames() -> SpectralFrames:
    """Return the log-mel of each frame, not normalized: 64 numbers."""
    config = FrontendConfig()
    front_end = LogMel(config)
    return SpectralFrames("log-mel", lambda audio: front_end(audio)[:, 0], config)


def mfcc_frames() -> SpectralFrames:
    """Return 13 MFCC with first and second deltas of each frame: 39 numbers."""
    config = FrontendConfig()
    return SpectralFrames("MFCC", Mfcc(config), config)


SPECTRAL = {"logmel": log_mel_frames, "mfcc": mfcc_frames}


def open_frame_model(
    spec: str | Path,
    weights: str | Path | None = None,
    readout: Sequence[str] = (),
    window_ms: float | None = None,
) -> FrameModel:
    """Open the model that a word on the command line names.

    Args:
        spec: a run, a checkpoint folder or the name of a model; `random:RUN`; `logmel` or `mfcc`;
            or `hear:package.module`, a module with the HEAR API and timestamp embeddings.
        weights: of a `hear:` module.
        readout: parts of the encoder's embeddings; those that the checkpoint names if empty.
        window_ms: length of the encoder's windows; that of the slices it was trained on if None.

    Raises `UserError`: no such run or module.
    """
    kind, _, rest = str(spec).partition(":")
    if kind == "hear" and rest:
        return HearModel(rest, weights)
    if str(spec) in SPECTRAL:
        return SPECTRAL[str(spec)]()
    if kind == "random" and rest:
        return EncoderFrames(random_weights(embedding.load(rest, readout)), window_ms)
    embedder = embedding.load(spec, readout)
    return EncoderFrames(embedder, window_ms, own_units(spec, embedder))


def open_frame_models(
    runs: Sequence[str | Path],
    others: Sequence[str] = (),
    weights: Sequence[str] = (),
    readout: Sequence[str] = (),
    window_ms: float | None = None,
    baselines: bool = True,
) -> list[FrameModel]:
    """Open runs and other models, and add baselines, as `probing.probe.open_models` does.

    Baselines are each encoder with random weights, log-mel and MFCC. Raises `UserError`: a model
    can't be opened, or two share a name.
    """
    files = weights_of(others, weights)
    models = [open_frame_model(run, None, readout, window_ms) for run in dict.fromkeys(runs)]
    models += [open_frame_model(spec, files.get(spec), readout, window_ms) for spec in others]
    models += _baselines(models, window_ms) if baselines else []
    check_names(models)
    return models


def _baselines(models: Sequence[FrameModel], window_ms: float | None) -> list[FrameModel]:
    """Return the baselines that `models` lack; identical encoders share their random weights."""
    encoders = [model.embedder for model in models if isinstance(model, EncoderFrames)]
    untrained = [one for one in baselines_of(encoders) if isinstance(one, Embedder)]
    found: list[FrameModel] = [EncoderFrames(one, window_ms) for one in untrained]
    found += [make() for make in SPECTRAL.values()]
    known = {model.identity for model in models}
    return [one for one in found if one.identity not in known]
