"""The targets of distillation: computed once for a fixed number of views, and stored on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiny_audio_ssl.data.corpus import column
from tiny_audio_ssl.data.stored_rows import Array, Blocks, Compute, StoredRows, computed_blocks
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.parts.teachers import BATCH, Teachers, embedded
from tiny_audio_ssl.pretext.parts.views import Views

SPEECH_KINDS = ("speech", "words")
LOG_MEL, SPEECH, TARGET = "logmel", "is_speech", "target"


def target_name(teacher: int) -> str:
    """Return the name of the array that holds the embeddings of a teacher, by its number."""
    return f"{TARGET}{teacher}"


@dataclass(frozen=True)
class Targets:
    """Log-mels, not normalized, and each teacher's embeddings of views, in float16.

    The log-mels and the embeddings of each teacher lie in folders of their own, whose names are
    hashes of all that they depend on: samples, settings, weights. So targets are never mixed up
    between corpora or weights, and a further teacher adds only its own embeddings.
    """

    views: Views
    teachers: Teachers
    frontend: FrontendConfig

    def rows(self, folder: Path, progress: bool) -> StoredRows:
        """Compute the rows, unless `folder` holds them already."""
        speech = self._is_speech()
        spoken = hashlib.sha256(speech.tobytes()).hexdigest()
        views = self.views.identity()

        def stored(title: str, name: str, compute: Compute, *about: Any) -> Blocks:
            key = hashlib.sha256(json.dumps([views, *about]).encode()).hexdigest()[:32]
            return computed_blocks(folder / key, name, len(self.views), compute, title, progress)

        def is_speech(rows: range) -> Array:
            return np.array([speech[list(u)].any() for u in self.views.recordings_of(rows)])

        arrays = {
            LOG_MEL: stored("log-mels", LOG_MEL, self._log_mels, asdict(self.frontend)),
            SPEECH: stored("kinds", SPEECH, is_speech, spoken),
        }
        for index, model in enumerate(self.teachers.models):
            heard = is_speech if self.teachers.speech_only[index] else None
            compute = partial(_embeddings, self.views, model, heard)
            about = (model.identity, spoken if heard else None)
            arrays[target_name(index)] = stored(model.name, TARGET, compute, *about)
        return StoredRows(arrays)

    def _is_speech(self) -> Array:
        """Return which recordings are speech; empty if no teacher is for speech only."""
        recordings = self.views.recordings
        if not any(self.teachers.speech_only):
            return np.zeros(len(recordings), bool)
        kinds = column(recordings.clips, "kind")
        return np.array([kind.strip().lower() in SPEECH_KINDS for kind in kinds])

    @torch.no_grad()
    def _log_mels(self, rows: range) -> Array:
        log_mel, waves = LogMel(self.frontend), self.views.draw(rows)
        spectra: Array = torch.cat([log_mel(w) for w in torch.split(waves, BATCH)]).half().numpy()
        return spectra


@torch.no_grad()
def _embeddings(views: Views, model: HearModel, heard: Compute | None, rows: range) -> Array:
    """Return a teacher's embeddings of the views, and zeros for views that it does not apply to."""
    waves = views.draw(rows)
    chosen = torch.from_numpy(heard(rows)) if heard else torch.ones(len(waves), dtype=torch.bool)
    target = torch.zeros(len(waves), model.dim, dtype=torch.float16)
    if chosen.any():
        target[chosen] = embedded(model, waves[chosen]).half()
    if not target.isfinite().all():
        raise UserError(f"{model.name}: its embedding holds numbers too large for float16")
    found: Array = target.numpy()
    return found
