"""wav2vec: identify later steps of a clip among others, with an independent decision for each."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.wav2vec import Wav2vecConfig
from tiny_audio_ssl.pretext.parts.context import CausalConvolutions
from tiny_audio_ssl.pretext.parts.predictive import Predictive


class Wav2vec(Predictive):
    """-log sigma(z_(t+k)' h_k(c_t)) - the sum over negatives z of log sigma(-z' h_k(c_t)).

    Each candidate is judged by itself, not against the others as in CPC. h_k is a linear layer with
    a bias for each distance k. c is made by causal convolutions, so that nothing here is recurrent.
    The loss is the mean over t and k, where the paper sums. The paper keeps c; what ships here
    gives z.
    """

    paper = "Schneider, Baevski, Collobert, Auli 2019, arXiv 1904.05862, equation 2"

    bias = True

    Config = Wav2vecConfig

    def __init__(self, config: Wav2vecConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.network = CausalConvolutions(config.size, range(2, 2 + config.layers))

    def context(self, z: Tensor) -> Tensor:
        summary: Tensor = self.network(z)
        return summary

    def loss(self, scores: Tensor) -> Tensor:
        right, wrong = scores[..., 0], scores[..., 1:]
        of_right = F.binary_cross_entropy_with_logits(right, torch.ones_like(right))
        of_wrong = F.binary_cross_entropy_with_logits(wrong, torch.zeros_like(wrong))
        return of_right + wrong.shape[3] * of_wrong
