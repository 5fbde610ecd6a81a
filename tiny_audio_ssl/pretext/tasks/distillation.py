"""Distillation: predict the embeddings that larger models, the teachers, give. No labels."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.data.batches import sequential_rows
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.stored_rows import StoredRows
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel, at_gain
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.distillation import DistillationConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.parts.heads import perceptron
from tiny_audio_ssl.pretext.parts.noise import add_noise
from tiny_audio_ssl.pretext.parts.targets import LOG_MEL, SPEECH, Targets, target_name
from tiny_audio_ssl.pretext.parts.teachers import BATCH, Teachers
from tiny_audio_ssl.pretext.parts.views import Views

SMALLEST_STD = (
    0.1  # relative to the mean over dimensions, so that a nearly constant one is not magnified
)


class Distillation(Pretext):
    """The projected embedding should point in the direction of each teacher's embedding.

    With s the projected and t the standardized embedding of a teacher, its loss is
    |s/|s| - t/|t||^2 = 2 - 2 cos(s, t); the losses of several teachers are averaged by importance.
    A share of the clips is mixed with another, as waveforms, w a + (1 - w) b (arXiv 1710.09412,
    equation 1), and the teachers are given the mixture: this makes more sounds than there are
    recordings.

    With `views`, log-mel and targets are computed once and stored in float16; a step then reads
    them, shifts the view in time, changes its level, and adds noise to a share of them. Without,
    the teachers run in every step.

    The teachers are not part of the task's state: a checkpoint holds their names, and statistics.
    """

    paper = (
        "Romero, Ballas, Kahou, Chassang, Gatta, Bengio, FitNets, ICLR 2015, arXiv 1412.6550, "
        "equation 3 (features through a regressor), on unit vectors; after Hinton, Vinyals, Dean, "
        "arXiv 1503.02531"
    )
    takes = "wav"

    mean: Tensor
    inverse_std: Tensor

    Config = DistillationConfig

    def __init__(
        self, config: DistillationConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.teachers = Teachers(config)
        dim = sum(self.teachers.dims)
        size, hidden = encoder.feature_dim, config.hidden
        self.head = (  # of all teachers, side by side
            perceptron(size, hidden, dim, encoder.config.norm) if hidden else nn.Linear(size, dim)
        )
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("inverse_std", torch.ones(dim))

    # --- teachers in every step -------------------------------------------------------------

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        wav = self._mixed(self._cut(clips, rng), rng)
        return {"wav": wav, "target": self._standardized(self.teachers(wav))}

    def _cut(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        return sampling.random_cut(clips, self._samples, rng)

    def _mixed(self, wav: Tensor, rng: torch.Generator) -> Tensor:
        mixes = torch.rand(len(wav), generator=rng) < self.config.mix
        weight = torch.rand(len(wav), generator=rng).where(mixes, 1.0).to(wav.device)[:, None]
        other = torch.randperm(len(wav), generator=rng).to(wav.device)
        return weight * wav + (1 - weight) * wav[other]

    @property
    def _samples(self) -> int:
        return self.frontend.samples(self.config.clip_frames(self.frontend))

    @torch.no_grad()
    def fit(self, clips: Tensor) -> None:
        """Compute mean and standard deviation of each dimension of the teachers' embeddings."""
        parts = torch.split(clips[:, : self._samples], BATCH)
        self._set_statistics(torch.cat([self.teachers(part) for part in parts]), None)

    # --- targets that are computed once -----------------------------------------------------

    def prepare(
        self, recordings: Recordings, folder: Path, segment_s: float, seed: int, progress: bool
    ) -> StoredRows | None:
        """Compute log-mel and targets of the views, unless `folder` holds those of an earlier run
        with the same recordings, settings and teachers."""
        config = self.config
        if not config.views:
            return None
        views_seed = seed if config.views_seed is None else config.views_seed
        drawn = (config.views, config.mix, config.band_limited, segment_s, views_seed)
        views = Views(recordings, self._samples, *drawn)
        return Targets(views, self.teachers, self.frontend).rows(folder, progress)

    def draw_rows(self, frontend: LogMel, rows: dict[str, Tensor], rng: torch.Generator) -> Inputs:
        roll, logmel = self.config.roll_frames, rows[LOG_MEL]
        shift = int(sampling.integers(-roll, roll, 1, rng))
        logmel = torch.roll(logmel, shift, dims=3)
        if self.config.level_db:
            gain_db = self.config.level_db * (2 * torch.rand(len(logmel), generator=rng) - 1)
            logmel = at_gain(logmel, gain_db.to(logmel.device)[:, None, None, None])
        if self.config.noise:
            noisy = add_noise(
                logmel, self.frontend, (self.config.min_snr_db, self.config.max_snr_db), rng
            )
            is_noisy = torch.rand(len(logmel), 1, 1, 1, generator=rng) < self.config.noise
            logmel = noisy.where(is_noisy.to(logmel.device), logmel)
        inputs = {"logmel": frontend.normalize(logmel)}
        inputs["target"] = self._standardized(self._targets(rows))
        return {**inputs, SPEECH: rows[SPEECH]}

    @torch.no_grad()
    def fit_rows(self, rows: StoredRows) -> None:
        """Compute mean and standard deviation of each dimension over all rows, or those of speech
        for a teacher of speech."""
        parts = [(self._targets(part), part[SPEECH]) for part in sequential_rows(rows, 1024)]
        targets, is_speech = map(torch.cat, zip(*parts, strict=True))
        self._set_statistics(targets, is_speech > 0)

    def _targets(self, rows: dict[str, Tensor]) -> Tensor:
        names = map(target_name, range(len(self.teachers.models)))
        return torch.cat([rows[name] for name in names], dim=1)

    # --- both -------------------------------------------------------------------------------

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        target, speech = inputs["target"], inputs.get(SPEECH)
        losses = []
        for share, only, (own, wanted) in self.teachers.parts(self.head(embedding), target):
            loss = 2 - 2 * F.cosine_similarity(own, wanted, dim=1)
            if only and speech is not None:
                losses.append(share * (loss * speech).sum() / speech.sum().clamp_min(1))
            else:
                losses.append(share * loss.mean())
        return {"loss": torch.stack(losses).sum(), "embedding": embedding}

    def _standardized(self, target: Tensor) -> Tensor:
        return (target - self.mean) * self.inverse_std

    def _set_statistics(self, targets: Tensor, is_speech: Tensor | None) -> None:
        means, scales = [], []
        for _, only, (part,) in self.teachers.parts(targets):
            heard = part[is_speech] if only and is_speech is not None else part
            if not len(heard):
                raise UserError(
                    "no recording is speech, but a teacher is for speech only; expected some "
                    "recordings with `speech` or `words` in the column `kind`"
                )
            std = heard.std(dim=0, correction=0)
            means.append(heard.mean(dim=0))
            scales.append(1 / std.clamp_min((SMALLEST_STD * std.mean()).clamp_min(1e-6)))
        self.mean.copy_(torch.cat(means))
        self.inverse_std.copy_(torch.cat(scales))
