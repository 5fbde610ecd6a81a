"""Log-mel statistics as a module with the HEAR API: the baseline that an embedding must beat.

Mean and standard deviation over time of each band's log-mel. No weights, nothing learned.
"""

from __future__ import annotations

from torch import Tensor, nn

from tiny_audio_ssl.audio.waveform import check
from tiny_audio_ssl.embedding.long import embed_in_parts
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.readout import MEL_STATISTICS, mel_statistics


class MelStatistics(nn.Module):
    """Waveforms [B, N], -1..1, 16 kHz -> [B, 2 * bands]: means, then standard deviations.

    With `every`, maximum and change too, as in a readout: [B, 4 * bands]. A waveform shorter than
    one window (25 ms) is padded with zeros.
    """

    def __init__(self, config: FrontendConfig | None = None, every: bool = False) -> None:
        super().__init__()
        self.frontend = LogMel(config)
        self.sample_rate = self.frontend.config.sample_rate_hz
        statistics = MEL_STATISTICS if every else 2
        self.scene_embedding_size = statistics * self.frontend.config.bands

    def forward(self, audio: Tensor) -> Tensor:
        logmel = self.frontend(self.frontend.padded(audio))
        return mel_statistics(logmel)[:, : self.scene_embedding_size]


def load_model(model_file_path: str = "") -> MelStatistics:
    return MelStatistics()


def get_scene_embeddings(audio: Tensor, model: MelStatistics) -> Tensor:
    """Embed each sound of [sounds, samples]. Raises `UserError` for other samples."""
    check(audio, "[sounds, samples]")
    return embed_in_parts(model, audio)
