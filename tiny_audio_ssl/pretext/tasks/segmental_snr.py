"""Segmental SNR: estimate how noisy each part of a recording is, for data purification."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.pretext.configs.enhancement import NoiseConfig
from tiny_audio_ssl.pretext.parts import sound_error
from tiny_audio_ssl.pretext.parts.added_noise import AddedNoise

TASK = "segmental-snr"
MOST_DB = 20.0  # ratios beyond are cut
UNIT_DB = 10.0  # of a score: what is learned is about -2 to 2


class SegmentalSnr(AddedNoise):
    """Estimate the ratio of a clean recording to the noise added to it, in segments of 64 ms.

    The loss is the mean squared error in units of 10 dB. `pseudo-se` and `contrastive-mixtures`
    weight segments of noisy recordings by such an estimate (`--pretext.purify`), which other
    speakers have taught it. The paper's estimator is a GRU of 3 x 1024.
    """

    paper = "Sivaraman, Kim, Kim, Interspeech 2021, arXiv 2104.02018, section 2"

    Config = NoiseConfig

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        mixture, target = inputs["mixture"], inputs["target"]
        true = segmental_snr_db(target, mixture - target)
        found, embedding = self.snr_db(encoder, inputs["logmel"])
        error_db = sound_error.at_segments(found, true.shape[1]) - true
        return {
            "loss": F.mse_loss(error_db / UNIT_DB, torch.zeros_like(error_db)),
            "embedding": embedding,
            "error_db": error_db.detach().abs().mean(),
        }

    def snr_db(self, encoder: Encoder, logmel: Tensor) -> tuple[Tensor, Tensor]:
        """Return the estimated ratio at each frame [B, frames], and the embeddings of slices."""
        scores, embedding = self.masks.scores(encoder, logmel)
        return UNIT_DB * scores.float().mean(dim=(1, 2)), embedding


def segmental_snr_db(sound: Tensor, noise: Tensor) -> Tensor:
    """Return the ratio of both [B, samples] in each segment, -20..20 dB [B, segments]."""
    powers = [sound_error.segments(wav).square().sum(dim=-1) for wav in (sound, noise)]
    levels = [10 * torch.log10(power + sound_error.SILENCE) for power in powers]
    return (levels[0] - levels[1]).clamp(-MOST_DB, MOST_DB)


class SnrEstimator:
    """A run of `segmental-snr`, frozen. Not a module, so that no task's state includes it."""

    def __init__(self, run: str) -> None:
        """Load the run. Raises `UserError` if its task is another one."""
        loaded = checkpoint.load(run)
        if loaded.run.get("task") != TASK:
            raise UserError(f"purify: {run} is a run of {loaded.run.get('task')}; expected {TASK}")
        config = NoiseConfig(**loaded.run["pretext"])
        self.model = loaded.model
        self.task = SegmentalSnr(config, self.model.encoder, self.model.frontend.config).eval()
        heads = checkpoint.within(checkpoint.load_training(loaded.folder), "pretext.")
        self.task.load_state_dict(heads)

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        """Waveforms [B, samples] -> the logistic function of the ratio in dB, [B, frames]."""
        model, task = self.model.to(wav.device), self.task.to(wav.device)
        samples = wav.shape[1]
        padded = F.pad(wav, (0, task.masks.whole_samples(samples) - samples))
        found, _ = task.snr_db(model.encoder, model.frontend(padded))
        return found[:, : model.frontend.config.frames(samples)].sigmoid()
