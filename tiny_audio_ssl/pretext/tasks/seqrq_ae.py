"""SeqRQ-AE: an autoencoder whose code is a sequence of segments, each with one entry."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.seqrq_ae import SeqRqAeConfig
from tiny_audio_ssl.pretext.parts.codebooks import DistanceCodebook
from tiny_audio_ssl.pretext.parts.context import Recurrent
from tiny_audio_ssl.pretext.parts.segments import means, segment_numbers
from tiny_audio_ssl.pretext.parts.units import CodedSteps


class SeqRqAe(CodedSteps):
    """mean (x_t - r(q)_t)^2 plus the codebook's commitment.

    Neighboring steps with the same nearest entry are merged into a segment. Its mean is quantized,
    by a softmax of negative distances with a hard choice, and a recurrent network r turns the
    entries, each as long as its segment, into the log-mel x_t of the hop in the middle of each
    slice. The cells of nearest entries are convex, so that the mean has the entry of its steps;
    merging makes the gradient that of the segment.

    Short trainings use few of the entries, about 6 of 64, and merge steps to 8 segments a second.

    The paper has a decoder with attention, which is given no lengths, and makes each entry a
    phoneme by a loss on 20 minutes of transcribed speech. Neither is here: clips are crops, and a
    transcript of the recording does not tell what is said in one.
    """

    paper = "Liu, Tu, Lee, Lee 2019, arXiv 1910.12729, section 2"

    codebook: DistanceCodebook

    Config = SeqRqAeConfig

    def __init__(self, config: SeqRqAeConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.codebook = DistanceCodebook(config.size, config.entries, config.commitment)
        self.network = Recurrent(config.size)
        self.reconstruct = nn.Linear(config.size, self.hop_frames * frontend.bands)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        return {"logmel": self.crop(clips, rng)}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        features = self.encode(encoder, inputs["logmel"])
        steps = self.steps_of(features)
        ids = self.codebook(steps.flatten(0, 1)).ids.reshape(steps.shape[:2])
        segments = segment_numbers(ids)
        coded = self.codebook(means(steps, segments).flatten(0, 1))
        found = self.reconstruct(self.network(coded.vectors.reshape(steps.shape)))
        error = F.mse_loss(found, self.middles(inputs["logmel"][:, 0]).flatten(2))
        seconds = self.config.steps * self.config.hop_ms / 1000
        return {
            "loss": error + coded.loss,
            "embedding": features.flatten(0, 1),
            "error": error,
            "segments_per_s": (segments[:, -1] + 1).float().mean() / seconds,
            **coded.logged(),
        }
