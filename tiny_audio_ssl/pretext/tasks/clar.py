"""CLAR: contrast two distorted views of a recording, and learn its label if it has one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.clar import LABEL, ClarConfig
from tiny_audio_ssl.pretext.parts import contrast, distort, sampling
from tiny_audio_ssl.pretext.parts.augment import uniform
from tiny_audio_ssl.pretext.parts.heads import normalization, perceptron

UNLABELED = -1


class Clar(Pretext):
    """NT-Xent over two views of each clip, plus, for clips with a label y, the cross-entropies
    CE(q1, y) + CE(q2, y) of the views' class scores, on the same batch at the same time.

    Scores q come from the projection through normalization, ReLU and a linear layer. Clips without
    a label are only contrasted; without `classes` all are. The views are distorted as waveforms.
    The paper's two-dimensional encoder takes magnitude, phase and mel spectrum; ours the log-mel.
    """

    paper = "Al-Tahan, Mohsenzadeh 2020, arXiv 2010.09542, section 3"
    takes = "wav"

    min_clips = 2

    Config = ClarConfig

    def __init__(self, config: ClarConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        size, norm = config.projection, encoder.config.norm
        self.projector = perceptron(encoder.feature_dim, config.hidden, size, norm)
        if config.classes:
            scores = nn.Linear(size, len(config.classes))
            self.classifier = nn.Sequential(normalization(size, norm), nn.ReLU(), scores)

    def draw(self, clips: Tensor, rng: torch.Generator, label: Tensor | None = None) -> Inputs:
        """Distort a slice of each clip twice: "wav" [2B, samples], and with `classes` also "label",
        int64 [B], -1 for a clip without one."""
        samples = self.frontend.samples(self.config.slice_frames(self.frontend))
        slices = sampling.random_cut(clips, samples, rng)
        inputs = {"wav": torch.cat([self._view(slices, rng), self._view(slices, rng)])}
        if self.config.classes:
            absent = torch.full((len(clips),), UNLABELED, device=clips.device)
            inputs[LABEL] = absent if label is None else label
        return inputs

    def _view(self, wav: Tensor, rng: torch.Generator) -> Tensor:
        for name in self.config.augmentations:
            drawn = torch.rand(len(wav), generator=rng) < self.config.probability
            chosen = drawn.nonzero().squeeze(1).to(wav.device)
            if len(chosen):
                wav = wav.index_copy(0, chosen, DISTORTIONS[name](wav[chosen], rng))
        return wav

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        projected = self.projector(embedding)
        first, second = projected.detach().chunk(2)
        out = {
            "loss": contrast.nt_xent(projected, self.config.temperature),
            "embedding": embedding,
            "accuracy": contrast.accuracy(contrast.cosines(first, second)),
        }
        if self.config.classes:
            out["loss"] = out["loss"] + self._of_labels(projected, inputs[LABEL])
        return out

    def _of_labels(self, projected: Tensor, label: Tensor) -> Tensor:
        """Return the sum over both views of the mean cross-entropy of the labeled clips."""
        scores, labels = self.classifier(projected), label.repeat(2)
        total = F.cross_entropy(scores, labels, ignore_index=UNLABELED, reduction="sum")
        return total / (label != UNLABELED).sum().clamp_min(1)


# --- the augmentations, each with draws of its own for each clip --------------------------------


def _pitch_shift(wav: Tensor, rng: torch.Generator) -> Tensor:
    return distort.shift_pitch(wav, uniform(-1500, 1500, len(wav), rng))


def _fade(wav: Tensor, rng: torch.Generator) -> Tensor:
    count, longest = len(wav), wav.shape[1] // 2
    fade_in, fade_out = sampling.integers(0, longest, 2 * count, rng).chunk(2)
    return distort.fade(
        wav, fade_in, fade_out, sampling.integers(0, distort.FADE_SHAPES - 1, count, rng)
    )


def _time_mask(wav: Tensor, rng: torch.Generator) -> Tensor:
    length = min(SAMPLE_RATE_HZ // 8, wav.shape[1])
    start = sampling.integers(0, wav.shape[1] - length, len(wav), rng)
    return distort.drop_time(wav, start, torch.full_like(start, length))


def _time_shift(wav: Tensor, rng: torch.Generator) -> Tensor:
    half_s = SAMPLE_RATE_HZ // 2
    return distort.shift_time(wav, sampling.integers(-half_s, half_s, len(wav), rng))


def _time_stretch(wav: Tensor, rng: torch.Generator) -> Tensor:
    return distort.stretch_time(wav, uniform(0.5, 1.5, len(wav), rng))


def _noise(wav: Tensor, rng: torch.Generator) -> Tensor:
    """Add white, pink, brown noise, or all three mixed, at 0 to 20 dB below the clip."""
    count, samples = wav.shape
    colors = torch.stack(
        [distort.colored_noise(samples, torch.full((count,), float(c)), rng) for c in range(3)]
    )
    kinds = torch.cat([torch.eye(3), torch.ones(1, 3)])[sampling.integers(0, 3, count, rng)]
    noise = torch.einsum("bc,cbn->bn", kinds, colors)
    return distort.add_noise(wav, noise, uniform(0, 20, count, rng))


DISTORTIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "pitch-shift": _pitch_shift,
    "fade": _fade,
    "time-mask": _time_mask,
    "time-shift": _time_shift,
    "time-stretch": _time_stretch,
    "noise": _noise,
}
