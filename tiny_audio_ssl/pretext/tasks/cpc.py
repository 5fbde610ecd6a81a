"""CPC and CPC2: identify later steps of a clip among others, from the steps before."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.cpc import Cpc2Config, CpcConfig
from tiny_audio_ssl.pretext.parts import augment, distort
from tiny_audio_ssl.pretext.parts.context import Recurrent, Transformer
from tiny_audio_ssl.pretext.parts.predictive import Predictive


class Cpc(Predictive):
    """Cross-entropy of z_(t+k)' W_k c_t over the right step and negatives (equation 4).

    c_t is the output of a GRU over z_1 ... z_t, and W_k a matrix for each distance k. Scores are
    divided by the size of z, as in the code of Riviere et al. 2020 (arXiv 2002.02848). The paper
    keeps c; here the GRU, which is larger than the encoder, is discarded, and the encoder gives z.
    """

    paper = "van den Oord, Li, Vinyals 2018, arXiv 1807.03748, equations 3 and 4"

    Config = CpcConfig

    def __init__(self, config: CpcConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.network = Recurrent(config.size, config.layers)

    def context(self, z: Tensor) -> Tensor:
        summary: Tensor = self.network(z)
        return summary

    def loss(self, scores: Tensor) -> Tensor:
        return first_of_all(scores / self.config.size)


class Cpc2(Predictive):
    """CPC of which only the past is distorted: the steps to predict and the negatives are clean.

    An LSTM makes the context, and one transformer layer, causal and shared by all distances, comes
    before the K matrices. z is normalized over its channels. Each distortion (pitch, noise,
    reverberation, a silenced part) meets a share of the clips. They hear the whole clip: a shifted
    pitch smears sound by up to 64 ms, and the nearest step to predict begins 25 ms after the past.
    """

    paper = "Kharitonov, Riviere, Synnaeve et al. 2020, arXiv 2007.00991"
    takes = "wav"

    Config = Cpc2Config

    def __init__(self, config: Cpc2Config, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.norm = nn.LayerNorm(config.size)
        self.network = Recurrent(config.size, config.layers, "lstm")
        self.predictor = Transformer(config.size, layers=1, causal=True)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Draw "wav" [2B, samples]: the distorted clips, and then the same clips clean."""
        clean = self.crop(clips, rng)
        wav = torch.cat([self.distort(clean, rng), clean])
        return {"wav": wav, "negatives": self.draw_negatives(clips, rng)}

    def distort(self, clean: Tensor, rng: torch.Generator) -> Tensor:
        """Return the clips [B, samples] as the context network hears them."""
        config, count = self.config, len(clean)
        cents = augment.uniform(-config.pitch_cents, config.pitch_cents, count, rng)
        wav = self._some(distort.shift_pitch(clean, cents), clean, rng)
        snr_db = augment.uniform(config.min_snr_db, config.max_snr_db, count, rng)
        slope = augment.uniform(0, 2, count, rng)
        noise = distort.colored_noise(wav.shape[1], slope, rng)
        wav = self._some(distort.add_noise(wav, noise, snr_db), wav, rng)
        decay_s = augment.uniform(0.1, config.longest_decay_s, count, rng)
        wav = self._some(distort.reverberate(wav, decay_s, rng), wav, rng)
        length = round(config.drop_ms * self.frontend.sample_rate_hz / 1000)
        start = augment.uniform(0, max(1, wav.shape[1] - length), count, rng).long()
        return self._some(distort.drop_time(wav, start, torch.full((count,), length)), wav, rng)

    def _some(self, distorted: Tensor, wav: Tensor, rng: torch.Generator) -> Tensor:
        chosen = torch.rand(len(wav), 1, generator=rng) < self.config.distorted
        return torch.where(chosen.to(wav.device), distorted, wav)

    def encoded(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        embedding = self.encode(encoder, inputs["logmel"])
        past, clean = self.norm(self.project(embedding)).chunk(2)
        return embedding.flatten(0, 1), past, clean

    def context(self, z: Tensor) -> Tensor:
        summary: Tensor = self.predictor(self.network(z))
        return summary

    def loss(self, scores: Tensor) -> Tensor:
        return first_of_all(scores / self.config.size)


def first_of_all(scores: Tensor) -> Tensor:
    """Return the mean of -log softmax(scores)[0] over the last dimension, [..., 1 + negatives]."""
    rows = scores.flatten(0, -2)
    return F.cross_entropy(rows, torch.zeros(len(rows), dtype=torch.int64, device=rows.device))
