"""mn04_as with the HEAR API, as its paper reads it out: 320 numbers for a sound.

Means over bands and frames of the channels of blocks 5, 11, 13 and 15 (192), and the means of the
128 log-mel bands. See `mn04` for the network and the license of its weights.

    PYTHONPATH=benchmarks/peers tiny-audio-ssl probe \\
        --model hear:mn04_embedding --weights mn04_as.safetensors ...
"""

from __future__ import annotations

import mn04
import torch
from torch import Tensor


class Embedding(mn04.MN04):
    """[sounds, samples], -1..1, 16 kHz -> [sounds, 320]."""

    scene_embedding_size = 320

    def forward(self, audio: Tensor) -> Tensor:
        """Return the four blocks in their order, then the log-mel."""
        mel, means = self.read(audio, mn04.MIDDLE)
        return torch.cat([means, mel.mean(dim=2)], dim=1)


def load_model(model_file_path: str = "") -> Embedding:
    """Load the weights `model_file_path`, the path of mn04_as.safetensors."""
    return Embedding(model_file_path).eval()


def get_scene_embeddings(audio: Tensor, model: Embedding) -> Tensor:
    """[sounds, samples], -1..1, 16 kHz -> [sounds, 320]."""
    embeddings: Tensor = model(audio)
    return embeddings
