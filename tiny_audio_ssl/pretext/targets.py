"""The targets of distillation: computed once for a fixed number of views, and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl.data.corpus import column
from tiny_audio_ssl.data.stored_rows import Array, StoredRows, computed_rows
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.teachers import BATCH, Teachers, embedded
from tiny_audio_ssl.pretext.views import Views

Compute = Callable[[Tensor, Array], Array]
SPEECH_KINDS = ("speech", "words")
LOG_MEL, SPEECH, TARGET = "logmel", "is_speech", "target"


def target_name(teacher: int) -> str:
    """Return the name of the array that holds the embeddings of a teacher, by its number."""
    return f"{TARGET}{teacher}"


@dataclass(frozen=True)
class Targets:
    """Log-mels, not normalized, and each teacher's embeddings of views, in float16.

    The log-mels and the embeddings of each teacher lie in folders of their own, whose names are
    hashes of all that they depend on: samples, settings, weights. So another corpus, or another
    file of weights, never gets the targets of this one, and one more teacher costs only its own.
    """

    views: Views
    teachers: Teachers
    frontend: FrontendConfig

    def rows(self, folder: Path, progress: bool) -> StoredRows:
        """Compute the rows, unless `folder` holds them already."""
        speech = self._is_speech()
        spoken = hashlib.sha256(speech.tobytes()).hexdigest()
        views = self.views.identity()

        def stored(title: str, name: str, compute: Compute, *about: Any) -> StoredRows:
            def arrays(rows: range) -> dict[str, Array]:
                waves, used = self.views.draw(rows)
                is_speech = np.array([speech[list(clips)].any() for clips in used])
                return {name: compute(waves, is_speech)}

            key = hashlib.sha256(json.dumps([views, *about]).encode()).hexdigest()[:32]
            return computed_rows(folder / key, [name], len(self.views), arrays, title, progress)

        rows = stored("log-mels", LOG_MEL, self._log_mels, asdict(self.frontend))
        kinds = stored("kinds", SPEECH, lambda _, is_speech: is_speech, spoken)
        rows = rows.beside(SPEECH, kinds)
        for index, model in enumerate(self.teachers.models):
            only = self.teachers.speech_only[index]
            compute = partial(self._targets, index)
            about = (model.identity, spoken if only else None)
            rows = rows.beside(target_name(index), stored(model.name, TARGET, compute, *about))
        return rows

    def _is_speech(self) -> Array:
        """Return which recordings are speech; none if no teacher asks."""
        recordings = self.views.recordings
        if not any(self.teachers.speech_only):
            return np.zeros(len(recordings), bool)
        kinds = column(recordings.clips, "kind")
        return np.array([kind.strip().lower() in SPEECH_KINDS for kind in kinds])

    @torch.no_grad()
    def _log_mels(self, waves: Tensor, is_speech: Array) -> Array:
        log_mel = LogMel(self.frontend)
        spectra = torch.cat([log_mel(part) for part in torch.split(waves, BATCH)])
        found: Array = spectra.half().numpy()
        return found

    @torch.no_grad()
    def _targets(self, index: int, waves: Tensor, is_speech: Array) -> Array:
        model = self.teachers.models[index]
        heard = torch.from_numpy(is_speech) if self.teachers.speech_only[index] else slice(None)
        target = torch.zeros(len(waves), model.dim, dtype=torch.float16)
        if len(waves[heard]):
            target[heard] = embedded(model, waves[heard]).half()
        if not target.isfinite().all():
            raise UserError(f"{model.name}: its embedding holds numbers too large for float16")
        found: Array = target.numpy()
        return found
