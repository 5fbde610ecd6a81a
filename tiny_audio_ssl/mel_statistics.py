"""Log-mel statistics as a module with the HEAR API: what an embedding must beat to be worth it.

Mean and standard deviation over time of each band's log-mel. No weights, nothing learned.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.frontend import LogMel


class MelStatistics(nn.Module):
    """Waveforms [B, N], -1..1, 16 kHz -> [B, 2 * bands]: means, then standard deviations.

    A waveform shorter than one window (25 ms) is padded with zeros.
    """

    def __init__(self) -> None:
        super().__init__()
        self.frontend = LogMel()
        self.sample_rate = self.frontend.config.sample_rate_hz
        self.scene_embedding_size = 2 * self.frontend.config.bands

    def forward(self, audio: Tensor) -> Tensor:
        missing = max(0, self.frontend.config.window - audio.shape[1])
        logmel = self.frontend(F.pad(audio, (0, missing)))[:, 0]
        return torch.cat([logmel.mean(2), logmel.std(2, correction=0)], dim=1)


def load_model(model_file_path: str = "") -> MelStatistics:
    return MelStatistics()


def get_scene_embeddings(audio: Tensor, model: MelStatistics) -> Tensor:
    embeddings: Tensor = model(audio)
    return embeddings
