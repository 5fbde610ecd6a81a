"""The targets of distillation: computed once for a fixed number of views, and kept on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.corpus import column
from tiny_audio_ssl.data.stored_rows import Array, StoredRows, computed_rows
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.teachers import BATCH, Teachers
from tiny_audio_ssl.pretext.views import Views

SPEECH_KINDS = ("speech", "words")
ROWS = ("logmel", "target", "is_speech")


@dataclass(frozen=True)
class Targets:
    """Log-mels, not normalized, and the teachers' embeddings of views, in float16.

    They are kept in a folder whose name is a hash of all that they depend on: samples, settings,
    teachers. So another corpus, or another file of weights, never gets the targets of this one.
    """

    views: Views
    teachers: Teachers
    frontend: FrontendConfig

    def rows(self, folder: Path, progress: bool) -> StoredRows:
        """Compute the rows, unless `folder` holds them already."""
        target = folder / self._identity()
        return computed_rows(target, ROWS, len(self.views), self._compute, "targets", progress)

    def _identity(self) -> str:
        about = [asdict(self.frontend), self.teachers.identity(), self.teachers.speech_only]
        speech = hashlib.sha256(self._is_speech().tobytes()).hexdigest()
        text = json.dumps([about, self.views.identity(), speech])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _is_speech(self) -> Array:
        """Return which recordings are speech; none if no teacher asks."""
        recordings: Recordings = self.views.recordings
        if not any(self.teachers.speech_only):
            return np.zeros(len(recordings), bool)
        kinds = column(recordings.clips, "kind")
        return np.array([kind.strip().lower() in SPEECH_KINDS for kind in kinds])

    @torch.no_grad()
    def _compute(self, rows: range) -> dict[str, Array]:
        waves, used = self.views.draw(rows)
        speech = self._is_speech()
        is_speech = np.array([speech[list(clips)].any() for clips in used])
        target = self.teachers(waves, torch.from_numpy(is_speech)).half()
        if not target.isfinite().all():
            raise UserError("a teacher's embedding holds numbers that are too large for float16")
        log_mel = LogMel(self.frontend)
        spectra = torch.cat([log_mel(part) for part in torch.split(waves, BATCH)])
        return {
            "logmel": spectra.half().numpy(),
            "target": target.numpy(),
            "is_speech": is_speech,
        }
