"""An encoder that the X-ARES suite accepts (`pip install xares`; arXiv 2505.16369).

X-ARES takes a file with one class whose name ends with Encoder, and stores results under that name:
write a file, and choose a new name, for each run.

    # mine_encoder.py
    from tiny_audio_ssl import xares

    class MineEncoder(xares.RunEncoder):
        run = "runs/mine"
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from tiny_audio_ssl import hear


class RunEncoder(nn.Module):
    """Waveforms [B, N], mono, 16 kHz -> embeddings of windows every `hop_size_in_ms` [B, T', D].

    Attributes:
        run: folder of a run or a checkpoint.
        output_dim: D.
        sampling_rate: of the audio that the encoder takes, in Hz.
        hop_size_in_ms: time between the centers of two windows; the first is at 0.
    """

    run: ClassVar[str | Path] = ""
    sampling_rate = hear.CheckpointModel.sample_rate

    def __init__(self) -> None:
        super().__init__()
        self.model = hear.load_model(str(self.run))
        self.output_dim = self.model.timestamp_embedding_size
        self.hop_size_in_ms = self.model.hop_ms

    @torch.no_grad()
    def forward(self, audio: Tensor) -> Tensor:
        """Embed windows. Raises `UserError` for NaN, another scale or another shape; see
        `audio.waveform`."""
        embeddings, _ = self.model.windows(hear.checked(audio, self.model))
        return embeddings
