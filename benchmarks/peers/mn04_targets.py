"""mn04_as with the HEAR API, as a teacher: 576 numbers for a sound.

Means over bands and frames of the channels of blocks 5, 11, 13 and 15 (192) and of the last
convolution (384), which knows more about the kinds of sound. The log-mel is left out: a student
hears it. See `mn04` for the network and the license of its weights.
"""

from __future__ import annotations

import mn04
from torch import Tensor


class Targets(mn04.MN04):
    """[sounds, samples], -1..1, 16 kHz -> [sounds, 576]."""

    scene_embedding_size = 576

    def forward(self, audio: Tensor) -> Tensor:
        """Return the four blocks in their order, then the last convolution."""
        return self.read(audio, (*mn04.MIDDLE, mn04.TOP))[1]


def load_model(model_file_path: str = "") -> Targets:
    """Load the weights `model_file_path`, the path of mn04_as.safetensors."""
    return Targets(model_file_path).eval()


def get_scene_embeddings(audio: Tensor, model: Targets) -> Tensor:
    """[sounds, samples], -1..1, 16 kHz -> [sounds, 576]."""
    embeddings: Tensor = model(audio)
    return embeddings
